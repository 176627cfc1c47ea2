"""What GET /next tells, where it arrives, and what is sent back."""

import json
import time

import pytest

FACTS = """
    import os
    @polyfn.function
    def main(event, context):
        native = context.native
        client = native.client_context
        return {
            "request_id": context.request_id, "function": context.function, "version": context.version,
            "provider": context.provider, "region": context.region, "cold_start": context.cold_start,
            "remaining": context.remaining() if context.deadline else None,
            "trace": context.trace.traceparent if context.trace else None,
            "arn": native.invoked_function_arn, "tenant": native.tenant_id,
            "millis": native.get_remaining_time_in_millis(), "memory": native.memory_limit_in_mb,
            "name": native.function_name, "w3c": native.w3c(),
            "custom": client.custom if client else None,
            "app": client.client.app_title if client and client.client else None,
            "identity": native.identity.cognito_identity_id, "pool": native.identity.cognito_identity_pool_id,
            "env": os.environ.get("_X_AMZN_TRACE_ID"),
        }
"""
XRAY = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1"
PARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


def test_every_header_missing_but_the_request_id(serve, platform):
    one = serve(FACTS, [platform.Event(content_type=None)])
    facts = one.api.posts[0].json()
    assert facts["request_id"] == "id-1"
    assert facts["function"] == "main"
    assert facts["name"] == "deployed-name"
    assert facts["region"] == "eu-central-1"
    assert facts["version"] == "$LATEST"
    assert facts["memory"] == "128"
    assert facts["cold_start"] is True
    missing = ("remaining", "trace", "arn", "tenant", "custom", "app", "identity", "pool", "env")
    assert [facts[name] for name in missing] == [None] * len(missing)
    assert facts["millis"] == 0
    assert "lambda-runtime-invocation-id" not in one.api.posts[0].headers


def test_every_header(serve, platform):
    client = {
        "custom": {"é": 1},
        "env": {},
        "client": {"app_title": "shop"},
        "w3c": {"traceparent": PARENT, "tracestate": "a=b", "baggage": 7, "other": "x"},
    }
    event = platform.Event(
        id="r-1",
        Deadline_Ms=str(int((time.time() + 30) * 1000)),
        Invoked_Function_Arn="arn:aws:lambda:eu-central-1:1:function:f",
        Trace_Id=XRAY,
        Client_Context=json.dumps(client),
        Cognito_Identity=json.dumps({"cognitoIdentityId": "c1", "cognitoIdentityPoolId": "p1"}),
        Aws_Tenant_Id="tenant-1",
        Invocation_Id="nonce-1",
    )
    one = serve(FACTS, [event, platform.Event()])
    facts = one.api.posts[0].json()
    assert facts["arn"] == "arn:aws:lambda:eu-central-1:1:function:f"
    assert 25 < facts["remaining"] <= 30
    assert 25_000 < facts["millis"] <= 30_000
    assert facts["trace"] == PARENT, "what the caller says in W3C terms comes before X-Ray"
    assert facts["w3c"] == {"traceparent": PARENT, "tracestate": "a=b"}
    assert facts["custom"] == {"é": 1}
    assert (facts["app"], facts["identity"], facts["pool"], facts["tenant"]) == (
        "shop",
        "c1",
        "p1",
        "tenant-1",
    )
    assert facts["env"] == XRAY
    assert one.api.posts[0].headers["lambda-runtime-invocation-id"] == "nonce-1"
    second = one.api.posts[1].json()
    assert second["cold_start"] is False
    assert second["env"] is None, "the trace variable is deleted when there is no trace"
    assert "lambda-runtime-invocation-id" not in one.api.posts[1].headers


def test_the_invocation_id_is_echoed_on_errors(serve, platform):
    one = serve("@polyfn.function\ndef main(): raise ValueError", [platform.Event(Invocation_Id="n1")])
    assert one.api.posts[0].verb == "error"
    assert one.api.posts[0].headers["lambda-runtime-invocation-id"] == "n1"


def test_the_invocation_id_is_never_sent_on_init_errors(launch):
    one = launch("raise ValueError('at import')")
    assert one.wait() == 1
    assert "lambda-runtime-invocation-id" not in one.api.posts[0].headers


def test_xray_alone_becomes_the_trace(serve, platform):
    one = serve(FACTS, [platform.Event(Trace_Id=XRAY)])
    assert one.api.posts[0].json()["trace"] == "00-5759e988bd862e3fe1be46a994272793-53995c3f42cd8ad8-01"


def test_the_trace_variable_reaches_child_processes(serve, platform):
    code = """
    import subprocess
    @polyfn.function
    def main(event):
        return subprocess.check_output(["/bin/sh", "-c", "echo $_X_AMZN_TRACE_ID"], text=True)
    """
    one = serve(code, [platform.Event(Trace_Id=XRAY), platform.Event()])
    assert [p.json() for p in one.api.posts] == [XRAY + "\n", "\n"]


def test_the_other_names_of_a_cognito_identity(serve, platform):
    identity = json.dumps({"identity_id": "c2", "identity_pool_id": "p2"})
    facts = serve(FACTS, [platform.Event(Cognito_Identity=identity)]).api.posts[0].json()
    assert (facts["identity"], facts["pool"]) == ("c2", "p2")


@pytest.mark.parametrize(
    "headers",
    [
        {"Client_Context": "{not json"},
        {"Client_Context": "[1]"},
        {"Cognito_Identity": "nope"},
        {"Cognito_Identity": '"text"'},
        {"Deadline_Ms": "tomorrow"},
        {"Deadline_Ms": "9" * 400},
    ],
)
def test_a_malformed_header_fails_its_invocation_alone(serve, platform, headers):
    one = serve(FACTS, [platform.Event(id="1", **headers), platform.Event(id="2")])
    bad, good = one.api.posts
    assert bad.path.endswith("/1/error")
    assert bad.json()["errorType"] == "Runtime.LambdaContextUnmarshalError"
    assert bad.headers["lambda-runtime-function-error-type"] == "Runtime.LambdaContextUnmarshalError"
    assert good.path.endswith("/2/response")


def test_null_contexts_are_none(serve, platform):
    facts = serve(FACTS, [platform.Event(Client_Context="null", Cognito_Identity="null")]).api.posts[0].json()
    assert facts["custom"] is None


def test_a_payload_that_is_not_json_by_its_content_type_is_not_decoded(serve, platform):
    code = "@polyfn.function\ndef main(event: bytes): return len(event)"
    one = serve(code, [platform.Event(b"\xff\x00raw", content_type="application/octet-stream")])
    assert one.api.posts[0].json() == 5
