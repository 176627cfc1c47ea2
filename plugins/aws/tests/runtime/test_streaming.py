"""Response streaming: mode header, chunks as they come, true trailers."""

import base64
import json

MODE = "lambda-runtime-function-response-mode"
KIND = "lambda-runtime-function-error-type"
BODY = "lambda-runtime-function-error-body"

URL_EVENT = {
    "version": "2.0",
    "routeKey": "$default",
    "rawPath": "/",
    "rawQueryString": "",
    "headers": {"host": "x.lambda-url.eu-central-1.on.aws"},
    "requestContext": {
        "accountId": "anonymous",
        "apiId": "x",
        "domainName": "x.lambda-url.eu-central-1.on.aws",
        "domainPrefix": "x",
        "http": {
            "method": "GET",
            "path": "/",
            "protocol": "HTTP/1.1",
            "sourceIp": "1.2.3.4",
            "userAgent": "t",
        },
        "requestId": "r",
        "routeKey": "$default",
        "stage": "$default",
        "time": "12/Mar/2020:19:03:58 +0000",
        "timeEpoch": 1583348638390,
    },
    "isBase64Encoded": False,
}


def test_chunks_are_sent_one_by_one_as_they_are_made(serve, platform):
    code = """
    import time
    @polyfn.function
    def main(event):
        for n in range(3):
            yield b"chunk %d;" % n
            time.sleep(0.3)
    """
    one = serve(code, [platform.Event(Invocation_Id="n1"), platform.Event(id="2")])
    post = one.api.posts[0]
    assert post.verb == "response"
    assert post.headers[MODE] == "streaming"
    assert post.headers["transfer-encoding"] == "chunked"
    assert "content-length" not in post.headers
    assert {name.strip().lower() for name in post.headers["trailer"].split(",")} == {KIND, BODY}
    assert post.headers["lambda-runtime-invocation-id"] == "n1"
    assert post.chunks == [b"chunk 0;", b"chunk 1;", b"chunk 2;"]
    assert post.times[2] - post.times[0] > 0.2, "each at once"
    assert post.trailers == {}
    assert len(one.api.posts) == 2


def test_async_generators_and_empty_chunks(serve, platform):
    code = """
    import asyncio
    @polyfn.function
    async def main(event):
        yield b""
        yield b"a"
        await asyncio.sleep(0)
        yield b""
        yield b"b"
    """
    post = serve(code, [platform.Event()]).api.posts[0]
    assert post.chunks == [b"a", b"b"], "an empty chunk would have ended the body"


def test_a_large_chunk(serve, platform):
    code = "@polyfn.function\ndef main(event):\n    yield b'x' * 3_000_000\n    yield b'y'"
    post = serve(code, [platform.Event()]).api.posts[0]
    assert [len(chunk) for chunk in post.chunks] == [3_000_000, 1]


def test_the_prelude_and_its_eight_nuls(serve, platform):
    code = """
    @polyfn.function(polyfn.Http("GET", "/"))
    def main(request: polyfn.Request):
        def body():
            yield b"one"
            yield b"two"
        response = polyfn.Response(body(), status=201, headers={"x-a": "b"}, content_type="text/plain")
        response.set_cookie("s", "1")
        return response
    """
    post = serve(code, [platform.Event(URL_EVENT)], env={"POLYFN_STREAM": "1"}).api.posts[0]
    assert post.headers["content-type"] == "application/vnd.awslambda.http-integration-response"
    prelude, nuls, rest = post.body.partition(b"\0" * 8)
    assert nuls
    assert rest == b"onetwo"
    assert json.loads(prelude) == {
        "statusCode": 201,
        "headers": {"x-a": "b", "content-type": "text/plain"},
        "cookies": ["s=1"],
    }


def test_an_error_before_the_first_byte_is_an_ordinary_error(serve, platform):
    code = "@polyfn.function\ndef main(event):\n    raise ValueError('early')\n    yield b''"
    one = serve(code, [platform.Event(), platform.Event()])
    assert [p.verb for p in one.api.posts] == ["error", "error"]
    assert one.api.posts[0].json()["errorMessage"] == "early"


def test_an_error_in_mid_stream_is_told_in_trailers(serve, platform):
    code = """
    @polyfn.function
    def main(event):
        yield b"first"
        raise LookupError("in the middle")
    """
    one = serve(code, [platform.Event(id="r-1"), platform.Event(id="r-2")])
    post = one.api.posts[0]
    assert post.verb == "response"
    assert post.body == b"first", "the trailers are no part of the body"
    assert post.trailers[KIND] == "Function.LookupError"
    error = json.loads(base64.b64decode(post.trailers[BODY], validate=True))
    assert error["errorMessage"] == "in the middle"
    assert error["errorType"] == "LookupError"
    assert error["requestId"] == "r-1"
    assert error["stackTrace"]
    assert "in the middle" in one.out
    assert len(one.api.posts) == 2


def test_an_error_after_the_last_chunk_is_told_in_trailers(serve, platform):
    code = """
    @polyfn.function
    def main(event):
        try:
            yield b"all"
        finally:
            raise OSError("while closing")
    """
    post = serve(code, [platform.Event()]).api.posts[0]
    assert post.body == b"all"
    assert post.trailers[KIND] == "Function.OSError"


def test_what_is_no_bytes_in_mid_stream():
    from polyfn_aws.runtime.answers import Streamed
    from polyfn_aws.runtime.stream import respond

    sent = []

    class Wire:
        def send(self, data, more=False):
            sent.append(bytes(data))

        def reply(self):
            return 202, {}, b""

    class Loop:
        api = Wire()

        def head(self, headers, verb, more):
            return b"HEAD|"

    respond(Loop(), {"lambda-runtime-aws-request-id": "1"}, Streamed("text/plain", b"", iter([b"a", 7])))
    assert sent[0] == b"HEAD|1\r\na\r\n"
    assert b"Lambda-Runtime-Function-Error-Type: Function.TypeError\r\n" in sent[1]


def test_a_refused_stream_is_logged_and_the_loop_goes_on(serve, platform):
    code = "@polyfn.function\ndef main(event):\n    yield b'x'"
    refusal = (400, b'{"errorType":"InvalidFunctionResponseMode"}')
    one = serve(code, [platform.Event(), platform.Event()], response=[refusal])
    assert "InvalidFunctionResponseMode" in one.out
    assert len(one.api.posts) == 2


def test_a_stream_that_is_cut_off_closes_the_generator(launch, platform):
    code = """
    import time
    @polyfn.function
    def main(event):
        try:
            while True:
                yield b"x" * 1000
                time.sleep(0.01)
        finally:
            print("closed")
    """
    one = launch(code, [platform.Event()], drop_after_chunks=[2])
    assert one.wait() == 1, "the connection is gone, and nobody said why"
    assert "closed\n" in one.out


def test_sys_exit_in_mid_stream(launch, platform):
    code = "import sys\n@polyfn.function\ndef main(event):\n    yield b'x'\n    sys.exit(4)"
    one = launch(code, [platform.Event()])
    assert one.wait() == 4
    assert one.api.posts[0].trailers[KIND] == "Function.SystemExit"
