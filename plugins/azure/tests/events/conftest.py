"""What these tests share: decoding by a trigger, and the host's envelopes.

Captures are typed anew: the facts of them, with the place that each is from. `nest` is what JSON text in a
string is, written with the standard library, so that nothing here rests on the code under test.
"""

import json
from types import SimpleNamespace

import pytest
from hypothesis import settings

from polyfn.functions import Declaration
from polyfn.runtime import logs
from polyfn_azure.runtime.envelope import Invocation

# A busy machine is no failure: what is slow here is an import on the first example.
if settings.get_current_profile_name() == "default":
    settings.register_profile("unhurried", deadline=None)
    settings.load_profile("unhurried")

HOMES = {
    "queue": "queues",
    "topic": "topics",
    "stream": "streams",
    "schedule": "schedule",
    "storage": "storage",
    "events": "events",
}


def nest(value):
    """A value as JSON text; in an envelope that is written as JSON, a string in a string."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def sys_of(name="f"):
    return {"MethodName": name, "UtcNow": "2024-05-10T16:13:47.1756352Z", "RandGuid": "828f9d97"}


def declare(trigger, name="f"):
    return Declaration(name, trigger, lambda event: None)


def decode_as(trigger, data, metadata=None, *, name="f", **settings):
    """What the decoder of this trigger's kind makes of an envelope."""
    module = __import__(f"polyfn_azure.runtime.{HOMES[trigger.kind]}", fromlist=["decode"])
    # As it comes over the wire, so that nothing is shared with the test.
    told = json.loads(json.dumps({"Data": data, "Metadata": metadata or {}}))
    return module.decode(Invocation(name, told["Data"], told["Metadata"]), declare(trigger, name), settings)


def stored(**more):
    """Metadata of a message in a Storage queue: AustrianDataLAB/GeWoScout, backend/handler_test.go."""
    return {
        "DequeueCount": "5",
        "ExpirationTime": "2024-05-17T16:13:45+00:00",
        "Id": '"4434c659-815f-434e-a851-f1df7b701f27"',
        "InsertionTime": "2024-05-10T16:13:45+00:00",
        "NextVisibleTime": "2024-05-10T16:23:46+00:00",
        "PopReceipt": '"AgAAAAMAAAAAAAAAVqQNb/ai2gE="',
        "sys": sys_of(),
    } | more


@pytest.fixture(scope="session")
def azure():
    return SimpleNamespace(decode=decode_as, nest=nest, sys=sys_of, stored=stored, declare=declare)


@pytest.fixture
def log(monkeypatch):
    """polyfn's own log lines, as (level, message, error, fields)."""
    lines = []
    monkeypatch.setattr(logs, "sink", lambda *line: lines.append(line))
    return lines


@pytest.fixture(scope="session")
def quiet():
    """No log lines, for tests of many examples."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(logs, "sink", lambda *line: None)
        yield
