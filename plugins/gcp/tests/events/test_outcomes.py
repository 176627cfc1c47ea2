"""What became of an event is the status that its sender is answered."""

import pytest

from polyfn import Batch, Drop, Events, HTTPError, Message, Queue, Retry, Schedule, Storage, Topic
from polyfn.errors import PayloadError

SECRET = "s3cr3t: what went wrong inside"
#: What Pub/Sub takes for done (https://cloud.google.com/pubsub/docs/push).
ACKNOWLEDGED = (102, 200, 201, 202, 204)


def requests(gcp):
    finalized = gcp.binary(
        type="google.cloud.storage.object.v1.finalized",
        source="//storage.googleapis.com/projects/_/buckets/b",
        subject="objects/x",
    )
    return {
        "push": (Topic("t"), gcp.request(gcp.push(b"{}"))),
        "unwrapped": (Queue("t"), gcp.request(b"{}", gcp.unwrapped())),
        "task": (Queue("t"), gcp.request(b"{}", gcp.task())),
        "schedule": (Schedule("0 6 * * *"), gcp.request(b"{}", {"x-cloudscheduler": "true"})),
        "storage": (Storage("b"), gcp.request(b"{}", finalized)),
        "event": (Events(), gcp.request(b"{}", gcp.binary())),
    }


@pytest.fixture(params=["push", "unwrapped", "task", "schedule", "storage", "event"])
def source(request):
    return request.param


@pytest.fixture(params=["sync", "async", "generator", "async generator"])
def raising(request):
    """A handler of each style that raises what it is made with; None for one that returns."""

    def make(error):
        def sync():
            if error:
                raise error

        async def later():
            if error:
                raise error

        def pieces():
            yield 1
            if error:
                raise error

        async def later_pieces():
            yield 1
            if error:
                raise error

        return {"sync": sync, "async": later, "generator": pieces, "async generator": later_pieces}[
            request.param
        ]

    return make


def answer(gcp, source, handler, **settings):
    trigger, request = requests(gcp)[source]
    reply = gcp.serve({"f": (trigger, handler)}, **settings)(request)
    body = reply.read()
    assert SECRET.encode() not in body
    return reply


class TestEverySender:
    def test_success(self, gcp, source, raising, log):
        reply = answer(gcp, source, raising(None))
        assert (reply.status, reply.body) == (204, b"")
        assert log == []

    def test_any_exception(self, gcp, source, raising, log):
        error = ValueError(SECRET)
        assert answer(gcp, source, raising(error)).status == 500
        assert [(level, found) for level, _, found, _ in log] == [("ERROR", error)]

    def test_drop(self, gcp, source, raising, log):
        assert answer(gcp, source, raising(Drop("why"))).status in ACKNOWLEDGED
        [(level, message, _, _)] = log
        assert (level, "dropped: why" in message) == ("ERROR", True)

    @pytest.mark.parametrize(("after", "header"), [(None, None), (30, "30"), (0.2, "1"), (0, "0")])
    def test_retry(self, gcp, source, raising, log, after, header):
        reply = answer(gcp, source, raising(Retry(SECRET, after=after)))
        assert (reply.status, reply.headers.get("retry-after")) == (503, header)
        assert [level for level, *_ in log] == ["WARNING"]

    def test_an_http_error_is_an_exception_like_any_other(self, gcp, source, raising, log):
        assert answer(gcp, source, raising(HTTPError(204 + 200, SECRET))).status == 500

    def test_sys_exit_does_not_end_the_service(self, gcp, source, raising, log):
        assert answer(gcp, source, raising(SystemExit(0))).status == 500
        assert [level for level, *_ in log] == ["ERROR"]

    def test_a_payload_that_does_not_fit(self, gcp, source, log):
        called = []

        def handler(event: list):
            called.append(event)

        assert answer(gcp, source, handler).status == 400
        assert called == []
        assert isinstance(log[0][2], PayloadError)

    def test_it_is_given_up_where_that_is_wanted(self, gcp, source, log):
        def handler(event: list): ...

        assert answer(gcp, source, handler, poison="drop").status == 204
        assert [level for level, *_ in log] == ["ERROR", "ERROR"]
        assert "given up" in log[1][1]

    def test_a_failure_of_the_handlers_own_is_never_given_up(self, gcp, source, raising, log):
        assert answer(gcp, source, raising(ValueError()), poison="drop").status == 500


def test_the_last_attempt_of_a_task_is_visible(gcp):
    seen = []

    def handler(message: Message, context):
        seen.append((message.attempt, context.attempt))
        raise Drop("given up" if message.attempt == 5 else "no")

    serve = gcp.serve({"f": (Queue("q"), handler)})
    assert serve(gcp.request(b"", gcp.task(taskretrycount="4"))).status == 204
    assert seen == [(5, 5)]


class TestBatches:
    def serve(self, gcp, outcomes):
        told = [
            {"specversion": "1.0", "id": str(number), "source": "s", "type": "t"}
            for number in range(len(outcomes))
        ]
        tried = []

        def handler(event):
            tried.append(event)
            outcome = outcomes[len(tried) - 1]
            if outcome:
                raise outcome

        serve = gcp.serve({"f": (Events(), handler)})
        reply = serve(gcp.request(told, {"content-type": "application/cloudevents-batch+json"}))
        assert len(tried) == len(outcomes), "one failure does not keep the others from being tried"
        return reply

    @pytest.mark.parametrize(
        ("outcomes", "status", "after"),
        [
            ([None, None], 204, None),
            ([None, Drop("x")], 204, None),
            ([Retry(after=3), None, Retry(after=9.5)], 503, "10"),
            ([Retry(), ValueError(), None], 500, None),
            ([PayloadError("x"), Retry(after=1)], 503, "1"),
            ([PayloadError("x"), None], 400, None),
        ],
    )
    def test_the_gravest_counts(self, gcp, log, outcomes, status, after):
        reply = self.serve(gcp, outcomes)
        assert (reply.status, reply.headers.get("retry-after")) == (status, after)

    def test_a_message_that_is_settled_by_hand(self, gcp, log):
        def handler(batch: Batch):
            for message in batch:
                message.fail()

        assert gcp.serve({"f": (Topic("t"), handler)})(gcp.request(gcp.push())).status == 500

    def test_a_block_that_asks_for_a_retry(self, gcp, log):
        def handler(batch: Batch):
            for message in batch:
                with message:
                    raise Retry(after=7)

        reply = gcp.serve({"f": (Topic("t"), handler)})(gcp.request(gcp.push()))
        assert (reply.status, reply.headers["retry-after"]) == (503, "7")


def test_deferred_work_is_left_to_the_server(gcp):
    context = gcp.context()

    def handler(message, context):
        context.defer(lambda: None)

    serve = gcp.serve({"f": (Queue("q"), handler)})
    assert serve(gcp.request(b"", gcp.task(taskretrycount="0")), context).status == 204
    assert len(context.deferred) == 1
