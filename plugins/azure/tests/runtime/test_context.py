"""The context of an invocation, and what is native of it."""

import json
import time

import pytest

from polyfn.errors import ResultError
from polyfn.http import Headers, Request
from polyfn_azure.runtime.context import maker, seconds_of, timeout_of
from polyfn_azure.runtime.envelope import Invocation
from polyfn_azure.runtime.native import Native
from polyfn_azure.runtime.transport import HOST_VERSION, INVOCATION_ID, MARK

PARENT = "00-0123456789abcdef0123456789abcdef-00f067aa0ba902b7-01"


@pytest.fixture
def environment(monkeypatch):
    """Set variables as the host does, before the process starts."""
    from polyfn_azure.runtime import native

    told = {}
    monkeypatch.setattr(native, "environ", told)
    return lambda **variables: told.update({k.encode(): v.encode() for k, v in variables.items()})


def request(**headers):
    return Request(
        method="POST", raw_path="/f", headers=Headers({k.replace("_", "-"): v for k, v in headers.items()})
    )


def test_what_the_host_tells(environment):
    environment(REGION_NAME="West Europe")
    make = maker("f", {"timeout": 60})
    first = make(request(**{INVOCATION_ID: "5c1a", "traceparent": PARENT, "tracestate": "a=1"}))
    assert (first.request_id, first.function, first.provider) == ("5c1a", "f", "azure")
    assert (first.region, first.version, first.attempt, first.cold_start) == ("West Europe", None, None, True)
    assert (first.trace.traceparent, first.trace.state) == (PARENT, "a=1")
    assert 59 < first.remaining() <= 60
    assert abs(first.deadline - time.time() - 60) < 1
    second = make(request(**{INVOCATION_ID: "a client's", MARK: "the host's"}))
    assert (second.request_id, second.cold_start, second.trace) == ("the host's", False, None)


def test_what_it_does_not_tell(environment):
    environment()
    one, two = (maker("f", {})(request(traceparent="nonsense")) for _ in range(2))
    assert (one.region, one.trace) == (None, None)
    assert len(one.request_id) == 32
    assert one.request_id != two.request_id
    assert 299 < one.remaining() <= 300


@pytest.mark.parametrize(
    ("span", "seconds"),
    [
        ("00:05:00", 300), ("01:00:00", 3600), ("1.00:00:01", 86401), ("10:30:05", 37805),
        ("00:00:00", None), ("5", None), ("", None), ("a:b:c", None), ("1.5", None), ("0:0:1\u0660", None),
        ("00:05", None), ("999999999999:0:0", None),
    ],
)  # fmt: skip
def test_time_spans(span, seconds):
    assert seconds_of(span) == seconds


def test_an_app_setting_wins_over_host_json(environment):
    environment(AzureFunctionsJobHost__functionTimeout="00:10:00")
    assert timeout_of({"timeout": 60}) == 600
    environment(AzureFunctionsJobHost__functionTimeout="-1")
    assert timeout_of({"timeout": 60}) is None
    assert maker("f", {})(request()).deadline is None
    environment(AzureFunctionsJobHost__functionTimeout="soon")
    assert timeout_of({"timeout": 60}) == 60


def taken(data, metadata, declared=None):
    native = Native(request(**{INVOCATION_ID: "5c1a", HOST_VERSION: "4.1041.0.0"}))
    native.take(Invocation("f", data, metadata, id="5c1a"), declared or {})
    return native


def test_native_facts(environment):
    environment(WEBSITE_SITE_NAME="shop", WEBSITE_INSTANCE_ID="i", WEBSITE_DEPLOYMENT_ID="shop__1")
    native = taken({"timer": {"IsPastDue": False}}, {"sys": {}})
    assert (native.invocation_id, native.host_version, native.function) == ("5c1a", "4.1041.0.0", "f")
    assert (native.site, native.instance, native.deployment) == ("shop", "i", "shop__1")
    assert (native.retry_count, native.max_retry_count) == (None, None)
    assert native.invocation.metadata == {"sys": {}}
    assert native.identities == []
    assert Native(request(**{MARK: "1"})).invocation_id == "1"
    assert (Native().invocation_id, Native().retry_count, Native().written) == (None, None, None)


def test_the_retry_context():
    context = {"RetryContext": {"RetryCount": 2, "MaxRetryCount": 5, "Exception": None}}
    native = taken({"timer": {"IsPastDue": False}}, context)
    assert (native.retry_count, native.max_retry_count) == (2, 5)


@pytest.mark.parametrize("name", ["RetryContext", "retrycontext", "\\u0052etryContext"])
def test_a_message_cannot_forge_a_retry_context(name):
    message = json.dumps(f'{{"{name}": {{"RetryCount": 4}}}}')
    native = taken({"message": message}, {"RetryContext": {"RetryCount": 4, "MaxRetryCount": 4}})
    assert (native.retry_count, native.max_retry_count) == (None, None)


def test_identities_of_http_in_the_envelope():
    who = [{"AuthenticationType": "WebJobsAuthLevel", "IsAuthenticated": True}]
    assert taken({"req": {"Identities": who}}, {}).identities == who
    assert taken({"req": {"Identities": None}}, {}).identities == []


def test_outputs_are_those_that_the_function_declares():
    native = taken({"message": '"x"'}, {}, {"audit": "queue"})
    assert native.written is None
    native.outputs["audit"] = "test"
    assert native.written == {"audit": "dGVzdA=="}
    with pytest.raises(ResultError, match="function 'f' has no output 'other'; its outputs: audit"):
        native.outputs["other"] = "test"
    with pytest.raises(ResultError, match="its outputs: none"):
        Native(request()).outputs["audit"] = "test"
