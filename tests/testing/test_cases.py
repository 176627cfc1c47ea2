"""The golden cases themselves: whole, unique, and each about a capability and a function that there is."""

import ast
import asyncio
from pathlib import Path
from types import SimpleNamespace

import pytest

from polyfn.testing import project
from polyfn.testing.asking import Asked
from polyfn.testing.calling import Called
from polyfn.testing.case import AbsentError, Case, Comparison, GoldenError, LackedError, Line, saw
from polyfn.testing.cases import every
from polyfn.testing.delivering import Delivered
from polyfn.toolchain.dialect import Front, Logged
from polyfn.toolchain.provider import Capability

FUNCTIONS = {
    node.name
    for name in project.MODULES
    for node in ast.walk(ast.parse((project.SOURCE / f"{name}.py").read_text()))
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    for decorator in node.decorator_list
    if "polyfn.function" in ast.unparse(decorator)
}


def test_names_are_unique_and_every_capability_has_a_case():
    names = [case.name for case in every()]
    assert len(names) == len(set(names))
    assert {case.capability for case in every()} == set(Capability)


def test_every_golden_function_is_asked_and_exists():
    asked = {case.run.function for case in every() if isinstance(case.run, Asked | Called | Delivered)}
    assert asked - FUNCTIONS == set()
    # These are asked by cases that are written out.
    assert FUNCTIONS - asked == {"counted", "counted_async", "together"}


def test_every_module_of_the_source_is_packaged():
    modules = {path.stem for path in Path(project.SOURCE).glob("*.py")}
    assert modules == {*project.MODULES, "__init__", "acting"}


async def _never(stage):
    raise AssertionError(stage)


def test_a_case_names_what_is_not_declared():
    case = Case("x", Capability.PARTIAL_BATCH, _never, (Capability.QUEUE,))
    assert case.absent({Capability.PARTIAL_BATCH}) is Capability.QUEUE
    assert case.absent({Capability.PARTIAL_BATCH, Capability.QUEUE}) is None
    assert str(AbsentError("here", Capability.QUEUE)) == "here does not declare the capability 'queue'"


def test_a_case_that_no_front_carries_tells_why():
    fronts = (Front("a", lacks={"x": "so it is"}), Front("b", lacks={"x": "so it is", "y": "else"}))
    stage = SimpleNamespace(dialect=SimpleNamespace(fronts=fronts))
    with pytest.raises(LackedError, match=r"^so it is$"):
        asyncio.run(Asked("x", "f", "GET", "/", 200)(stage))


def compared(got, expected, *, several=False, own=frozenset()):
    found = Comparison("it")
    found.lines(got, expected, "f", several=several, own=own)
    return found.faults


SAW = 'saw {"id": "1", "request_id": "r"}'


@pytest.mark.parametrize(
    ("line", "expected", "several", "fault"),
    [
        (Logged("a", "INFO", "f", "r"), Line("INFO", "a"), True, None),
        (Logged("a", "INFO", None, "r"), Line("INFO", "a"), False, None),
        (Logged("a", "INFO", None, "r"), Line("INFO", "a"), True, "is of function None, not 'f'"),
        (Logged("a", "INFO", "g", "r"), Line("INFO", "a"), False, "is of function 'g', not 'f'"),
        (Logged("a", "INFO", "f"), Line("INFO", "a"), False, "bears no request id"),
        (Logged("a", None), Line(None, "a", inside=False), False, None),
        (Logged("a", "ERROR", "f", "r"), Line("INFO", "a"), False, "lacks INFO 'a'"),
        (
            Logged("a", "ERROR", "f", "r", "KeyError"),
            Line("ERROR", "a"),
            False,
            "with KeyError",
        ),
        (Logged(SAW, "INFO", "f", "r"), saw(id="1"), False, None),
        (Logged(SAW, "INFO", "f", "r"), saw(id=None), False, "lacks INFO"),
        (Logged(SAW, "INFO", "f", "other"), saw(id="1"), False, "of request 'other', the context of 'r'"),
    ],
)
def test_lines(line, expected, several, fault):
    faults = compared([line], [expected], several=several)
    assert faults == [] if fault is None else any(fault in one for one in faults)


def test_lines_are_counted():
    line = Logged("a", "INFO", "f", "r")
    assert len(compared([line, line], [Line("INFO", "a")])) == 1
    assert len(compared([], [Line("INFO", "a")] * 2)) == 2


def test_a_value_of_the_platforms_own_must_be_there():
    own = frozenset({"id"})
    expected = saw(id="(its own)")
    assert compared([Logged(SAW, "INFO", "f", "r")], [expected], own=own) == []
    without = Logged('saw {"id": null, "request_id": "r"}', "INFO", "f", "r")
    assert len(compared([without], [expected], own=own)) == 2


def test_everything_that_differs_is_told_at_once():
    found = Comparison("it")
    found.same("the one", 1, 2)
    found.same("the other", 1, 1)
    found.same("the third", None, "x")
    with pytest.raises(GoldenError) as raised:
        found.close()
    assert str(raised.value) == "it:\n  the one is 1, expected 2\n  the third is None, expected 'x'"
