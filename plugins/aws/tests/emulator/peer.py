"""A small client of the Runtime API for bootstraps that misbehave on purpose. Copied next to them."""

import http.client
import json
import os
import sys

API = os.environ["AWS_LAMBDA_RUNTIME_API"]
connection = http.client.HTTPConnection(API)


def call(method, path, body=None, headers=None):
    """Return (status, headers, body)."""
    connection.request(method, path, body=body, headers=headers or {})
    answer = connection.getresponse()
    return answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read()


def next_invocation():
    """Return (request id, headers, payload)."""
    status, headers, body = call("GET", "/2018-06-01/runtime/invocation/next")
    if status != 200:
        print("next answered", status, body.decode().strip(), flush=True)
        sys.exit(1)
    return headers["lambda-runtime-aws-request-id"], headers, body


def respond(request_id, body, headers=None, kind="response"):
    """Post an answer; return (status, decoded body)."""
    if not isinstance(body, bytes):
        body = json.dumps(body).encode()
    status, _, answer = call(
        "POST",
        f"/2018-06-01/runtime/invocation/{request_id}/{kind}",
        body,
        {"Content-Type": "application/json", **(headers or {})},
    )
    return status, json.loads(answer)


def stream(request_id, pieces, trailers=(), content_type="application/octet-stream", pause=None):
    """Post a streamed answer with a raw socket; return the status line."""
    import socket

    host, port = API.split(":")
    with socket.create_connection((host, int(port))) as wire:
        wire.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        wire.sendall(
            f"POST /2018-06-01/runtime/invocation/{request_id}/response HTTP/1.1\r\nHost: {API}\r\n"
            f"Content-Type: {content_type}\r\nLambda-Runtime-Function-Response-Mode: streaming\r\n"
            "Trailer: Lambda-Runtime-Function-Error-Type, Lambda-Runtime-Function-Error-Body\r\n"
            "Transfer-Encoding: chunked\r\n\r\n".encode()
        )
        for piece in pieces:
            wire.sendall(b"%x\r\n%s\r\n" % (len(piece), piece))
            if pause:
                pause()
        if trailers is None:  # cut off; the emulator must have seen it before it is asked for the next
            wire.shutdown(socket.SHUT_WR)
            return wire.recv(65536).split(b"\r\n")[0].decode()
        wire.sendall(b"0\r\n" + b"".join(f"{k}: {v}\r\n".encode() for k, v in trailers) + b"\r\n")
        return wire.recv(65536).split(b"\r\n")[0].decode()


def register(name="watch", events=()):
    """Register an internal extension; return its identifier."""
    status, headers, body = call(
        "POST",
        "/2020-01-01/extension/register",
        json.dumps({"events": list(events)}),
        {"Lambda-Extension-Name": name},
    )
    return headers.get("lambda-extension-identifier") or (status, json.loads(body))


def extension_next(identifier, client=None):
    """GET event/next on a connection of its own."""
    client = client or http.client.HTTPConnection(API)
    client.request(
        "GET", "/2020-01-01/extension/event/next", headers={"Lambda-Extension-Identifier": identifier}
    )
    return json.loads(client.getresponse().read())


def serve(handler):
    """Answer every invocation with what handler(payload, headers) returns."""
    while True:
        request_id, headers, body = next_invocation()
        respond(request_id, handler(json.loads(body), headers))
