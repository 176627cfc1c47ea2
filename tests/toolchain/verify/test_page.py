"""docs/verify.md says everything about every finding, and nothing else."""

import re
from pathlib import Path

import pytest

from polyfn.toolchain.verify import CODES, SEVERITIES

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "verify.md").read_text()
SECTIONS = dict(re.findall(r"^### (PV\d{3})\n(.*?)(?=^##|\Z)", PAGE, re.MULTILINE | re.DOTALL))


def test_every_code_has_a_section_and_no_other():
    assert list(SECTIONS) == list(CODES) == sorted(CODES)


@pytest.mark.parametrize("code", CODES)
def test_a_section_has_its_two_parts(code):
    parts = re.findall(r"^\*\*(\w+)\.\*\* \S", SECTIONS[code], re.MULTILINE)
    assert parts == ["Cause", "Remedy"]


@pytest.mark.parametrize("code", CODES)
def test_a_rule_is_whole(code):
    rule = CODES[code]
    assert rule.severity in SEVERITIES
    assert rule.title
    assert rule.remedy
    assert not rule.remedy.endswith(".")


def test_every_code_is_used():
    used = set()
    for path in (ROOT / "polyfn" / "toolchain" / "verify").rglob("*.py"):
        if path.name != "finding.py":
            used |= set(re.findall(r'"(PV\d{3})"', path.read_text()))
    assert used == set(CODES)


def test_the_page_names_the_limits_that_the_provider_has():
    from polyfn_aws.rules import UNPACKED_LIMIT

    assert f"{UNPACKED_LIMIT:,}" in PAGE
