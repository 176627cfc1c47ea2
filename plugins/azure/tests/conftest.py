"""What the tests of the Azure provider share."""

import pytest

from polyfn.toolchain.manifest import FunctionEntry, Manifest


def _entry(called, kind="call", /, *, style="sync", application=None, **trigger):
    return FunctionEntry(
        name=called, module="app", handler=called, trigger={"kind": kind, **trigger}, style=style, arity=1,
        level="payload", application=application,
    )  # fmt: skip


@pytest.fixture(scope="session")
def entry():
    """What makes a function of a name whose trigger is of a kind, as the collector describes it."""
    return _entry


@pytest.fixture(scope="session")
def manifest():
    return lambda *entries: Manifest(functions=entries)
