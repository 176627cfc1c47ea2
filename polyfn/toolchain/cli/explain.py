"""`polyfn explain CODE`: an error's page of docs/errors.md."""

from __future__ import annotations

import difflib
import inspect
import re
from pathlib import Path

import click

from polyfn.errors import PolyfnError
from polyfn.toolchain.cli.output import Output, rich_in
from polyfn.toolchain.cli.plugin_codes import of_plugin
from polyfn.toolchain.errors import UsageError

#: In an installed polyfn the page lies beside this file, in its repository under docs.
_PAGES = (
    Path(__file__).with_name("errors.md"),
    Path(__file__).parents[3] / "docs" / "errors.md",
)


@click.command("explain", short_help="Explain an error code.")
@click.argument("code", required=False)
@click.pass_obj
def command(output: Output, code: str | None) -> None:
    """Explain an error code such as PF403: symptom, cause and solution. Without CODE, list them all."""
    known = codes()
    if code is None:
        output.table(["code", "meaning"], [[name, summary(error)] for name, error in sorted(known.items())])
        return
    wanted = f"PF{code}" if code.isdigit() else code.upper()
    if wanted not in known and (page := of_plugin(wanted)) is not None:
        _show(output, page)
        return
    if wanted not in known:
        close = difflib.get_close_matches(wanted, known, n=1)
        guess = f"did you mean {close[0]}? " if close else ""
        raise UsageError(
            f"there is no error code {code!r} in polyfn itself",
            hint=f"{guess}polyfn explain lists them all; PF320 to PF399 are those of installed plugins",
        )
    _show(
        output, section(wanted) or f"## {wanted} {known[wanted].__name__}\n\n{inspect.getdoc(known[wanted])}"
    )


def codes() -> dict[str, type[PolyfnError]]:
    """Return every error of polyfn by its code."""
    found = {}
    unseen: list[type[PolyfnError]] = [PolyfnError]
    while unseen:
        error = unseen.pop()
        unseen += error.__subclasses__()
        if error.__module__ in ("polyfn.errors", "polyfn.toolchain.errors") and "code" in vars(error):
            found[error.code] = error
    return found


def summary(error: type[PolyfnError]) -> str:
    """Return the first sentence of what the error's class says of itself."""
    return (inspect.getdoc(error) or "").partition("\n\n")[0].replace("\n", " ")


def section(code: str) -> str | None:
    """Return the section of docs/errors.md on this code, or None."""
    for page in _PAGES:
        if page.is_file():
            found = re.search(
                rf"^## {code}\b.*?(?=^## |\Z)", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL
            )
            return found[0].rstrip() if found else None
    return None


def _show(output: Output, text: str) -> None:
    import sys

    if not rich_in(sys.stdout):
        output.data(text)
        return
    from rich.console import Console
    from rich.markdown import Markdown

    Console().print(Markdown(text))
