"""The README and the docs show only what runs: every Python block is executed, every command is run."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
BLOCK = re.compile(r"^```(python|console)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(kind: str):
    for page in PAGES:
        text = page.read_text()
        for found in BLOCK.finditer(text):
            if found[1] == kind:
                line = text.count("\n", 0, found.start()) + 1
                yield pytest.param(found[2], id=f"{page.name}:{line}")


# That tutorial's files belong together; test_tutorial.py builds and uses what they make.
PYTHON = [block for block in blocks("python") if "writing-a-provider" not in str(block.id)]


@pytest.mark.parametrize("source", PYTHON)
def test_python_block_runs(source: str, tmp_path: Path):
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", source],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def transcript(text: str) -> list[tuple[str, str]]:
    """Split a console block into (command, output) pairs; a comment after two spaces is not typed."""
    pairs: list[tuple[str, str]] = []
    for line in text.splitlines():
        if line.startswith("$ "):
            pairs.append((re.split(r"\s{2,}#", line[2:])[0], ""))
        else:
            command, output = pairs[-1]
            pairs[-1] = (command, output + line + "\n")
    return pairs


COMMANDS = [
    block
    for block in blocks("console")
    if "writing-a-provider" not in str(block.id) and "$ make " not in block.values[0]
]


@pytest.mark.parametrize("text", COMMANDS)
def test_console_block_prints_what_the_page_says(text: str, tmp_path: Path):
    """Run in a copy of the examples, with the interpreter of this machine for this machine's architecture."""
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    environment = os.environ | {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    for command, output in transcript(text):
        done = subprocess.run(
            command, shell=True, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"$ {command}\n{done.stderr}"
        assert done.stdout == output, f"$ {command}"


FENCED = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)#\s]*)(?:#([^)\s]*))?\)")
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)


def anchors(page: Path) -> set[str]:
    """The names that GitHub gives to a page's headings."""
    headings = HEADING.findall(FENCED.sub("", page.read_text()))
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path):
    lost = []
    for target, anchor in LINK.findall(FENCED.sub("", page.read_text())):
        if target.startswith(("https:", "http:")):
            continue
        found = page.parent / target if target else page
        if not found.exists() or (anchor and anchor not in anchors(found)):
            lost.append(f"{target}#{anchor}")
    assert not lost


def test_a_wrong_anchor_would_be_found():
    assert "pf403-nowheelerror" in anchors(ROOT / "docs" / "errors.md")
    assert "pf403" not in anchors(ROOT / "docs" / "errors.md")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_addresses_are_safe_and_whole(page: Path):
    addresses = re.findall(r"\]\((\w+://[^)]*)\)", page.read_text())
    assert [
        address for address in addresses if not re.fullmatch(r"https://[\w.-]+\.\w+(/\S*)?", address)
    ] == []
