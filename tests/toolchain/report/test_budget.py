import pytest

from polyfn.toolchain.errors import BudgetError
from polyfn.toolchain.project.settings import Budget
from polyfn.toolchain.report.budget import check_budget, wants_imports
from polyfn.toolchain.report.difference import difference

MB = 1_000_000


def budget(**limits):
    return Budget.model_validate(limits)


def test_within_the_budget_nothing_is_said(imagined):
    report = imagined(("numpy", "2.0", 12 * MB))
    assert check_budget(budget(zip="12 MB", unpacked="36 MB"), report) == ()
    assert check_budget(budget(), report) == ()


def test_a_zip_above_it_names_figure_limit_and_culprits(imagined):
    old = imagined(("numpy", "2.0", 5 * MB), ("httpx", "0.28", 2 * MB), sha256="1" * 64)
    new = imagined(
        ("numpy", "2.1", 8 * MB), ("httpx", "0.28", 2 * MB), ("lxml", "6.0", 4 * MB), ("tiny", "1", 1000)
    )
    with pytest.raises(BudgetError) as caught:
        check_budget(budget(zip="12 MB", unpacked="1 GB"), new, difference(old, new))
    assert str(caught.value).splitlines() == [
        "shop.zip is above its budget: zip 14.0 MB, limit 12.0 MB (+7.0 MB since the previous build)",
        "     8.0 MB  numpy 2.1",
        "     4.0 MB  lxml 6.0",
        "     2.0 MB  httpx 0.28",
        "    +4.0 MB  lxml 6.0 since the previous build (added)",
        "    +3.0 MB  numpy 2.1 since the previous build (2.0 before)",
        "    +1.0 kB  tiny 1 since the previous build (added)",
    ]
    assert (caught.value.code, caught.value.exit_status) == ("PF405", 4)
    assert "[tool.polyfn.budget]" in caught.value.hint


def test_all_figures_are_told_at_once(report):
    with pytest.raises(BudgetError) as caught:
        check_budget(budget(**{"zip": "1 MB", "unpacked": "1 MB", "import": "1 ms"}), report)
    text = str(caught.value)
    assert "zip 1" in text
    assert ", limit 1.0 MB" in text
    assert "\nunpacked " in text
    assert "\nimport of hello " in text
    assert ", limit 1.0 ms" in text
    # What the project chose itself comes first: the interpreter is in every artifact.
    assert "pydantic_core" in text
    assert text.index("pydantic_core") < text.index("the interpreter, of which `prune` leaves more out")


@pytest.mark.timeout(300)
def test_the_slowest_packages_are_named(report):
    with pytest.raises(BudgetError) as caught:
        check_budget(budget(**{"import": "1 ms"}), report)
    lines = str(caught.value).splitlines()
    assert len(lines) == 4
    assert any(line.endswith("  pydantic") for line in lines[1:])
    assert check_budget(budget(**{"import": "60 s"}), report) == ()


def test_what_could_not_be_checked_is_said(imagined, report):
    limits = budget(**{"import": "1 ms", "zip": "1 MB"})
    flat = imagined(size=None, not_measured="there is no interpreter inside")
    assert check_budget(limits, flat) == (
        "budget.zip is not checked for shop.zip: it is a directory",
        "budget.import is not checked for shop.zip: there is no interpreter inside",
    )
    emulated = imagined(imports=(report.slowest.model_copy(update={"emulated": True}),))
    [line] = check_budget(limits, emulated)
    assert line.endswith("only an emulated processor runs it here")


def test_imports_are_measured_only_for_a_budget_that_limits_them():
    assert wants_imports(budget(**{"import": "1 s"}))
    assert not wants_imports(budget(zip="1 MB"))
