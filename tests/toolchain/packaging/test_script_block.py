"""PEP 723 blocks: whatever TOML is written into one comes out of it again."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from polyfn.toolchain.errors import ProjectError
from polyfn.toolchain.project import script

LINE = st.text(st.characters(exclude_categories=("Cs", "Cc", "Zl", "Zp")), max_size=30)


def block(lines):
    return "".join(["# /// script\n", *(f"# {line}\n" if line else "#\n" for line in lines), "# ///\n"])


@given(
    dependencies=st.lists(LINE, max_size=4),
    before=st.lists(LINE.filter(lambda line: not line.startswith("#")), max_size=3),
    after=st.lists(LINE.filter(lambda line: not line.startswith("#")), max_size=3),
)
def test_a_block_comes_back_wherever_it_stands(dependencies, before, after):
    lines = ["", "dependencies = [", *(f"  {json.dumps(d, ensure_ascii=False)}," for d in dependencies), "]"]
    text = "\n".join([*before, block(lines) + "\n".join(["", *after])])
    assert script.read(text, "x.py") == {"dependencies": dependencies}


@given(st.text())
def test_any_text_is_read_or_refused(text):
    try:
        assert isinstance(script.read(text, "x.py"), dict)
    except ProjectError as error:
        assert error.message.startswith("x.py")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "# /// other\n# a = 1\n# ///\n",
        "# /// script\n# a = 1\n",
        "#/// script\n# a = 1\n# ///\n",
        " # /// script\n # a = 1\n # ///\n",
    ],
)
def test_what_is_no_block_is_nothing(text):
    assert script.read(text, "x.py") == {}
