"""Installs real distributions (modules, METADATA, entry_points.txt) into a directory of sys.path."""

import contextlib
import os
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

PROVIDER = """
from polyfn.toolchain.hooks import hookimpl
from polyfn.toolchain.provider import API_LEVEL, Capability, Platform, Provider

def package(build):
    raise NotImplementedError

@hookimpl
def polyfn_provider():
    return Provider(
        name={name!r}, api={api}, summary="a platform of the tests",
        capabilities=frozenset({{Capability.CALL}}), platforms=(Platform("amd64", (2, 26)),),
        runtime="nowhere", ships=(), package=package,
    )
"""


def provider_source(name: str, *, api: str = "API_LEVEL") -> str:
    return PROVIDER.format(name=name, api=api)


class Site:
    """A directory on sys.path that distributions are installed into."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def install(
        self,
        name: str,
        modules: dict[str, str],
        *,
        version: str = "1.0",
        providers: dict[str, str] | None = None,
        plugins: dict[str, str] | None = None,
        requires: tuple[str, ...] = (),
    ) -> None:
        info = self.root / f"{name.replace('-', '_')}-{version}.dist-info"
        info.mkdir()
        metadata = ["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}"]
        metadata += [f"Requires-Dist: {requirement}" for requirement in requires]
        (info / "METADATA").write_text("\n".join(metadata) + "\n")
        lines = ["[polyfn.providers]", *(f"{k} = {v}" for k, v in (providers or {}).items())]
        lines += ["[polyfn.plugins]", *(f"{k} = {v}" for k, v in (plugins or {}).items())]
        (info / "entry_points.txt").write_text("\n".join(lines) + "\n")
        for module, source in modules.items():
            path = self.root / (module.replace(".", "/") + ".py")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(textwrap.dedent(source))

    def environment(self, **more: str) -> dict[str, str]:
        """The environment of a fresh interpreter that sees this site and the polyfn under test."""
        paths = [
            str(self.root),
            *(p for p in sys.path if p and "site-packages" not in p and "lib/python" not in p),
        ]
        kept = {
            k: v
            for k, v in os.environ.items()
            if (not k.startswith("POLYFN_") or k == "POLYFN_CACHE") and k not in COLOURS
        }
        return {**kept, "PYTHONPATH": os.pathsep.join(paths), "PYTHONDONTWRITEBYTECODE": "1", **more}

    def python(self, code: str, **more: str) -> "subprocess.CompletedProcess[str]":
        """Run code in a fresh interpreter."""
        return subprocess.run(
            [sys.executable, "-W", "error", "-c", textwrap.dedent(code)],
            env=self.environment(**more), capture_output=True, text=True, timeout=60, check=False,
            cwd=self.root,
        )  # fmt: skip

    def polyfn(
        self, *arguments: str, stdin: str = "", cwd: Path | None = None, **more: str
    ) -> "subprocess.CompletedProcess[str]":
        """Run the real command line in a fresh interpreter."""
        return subprocess.run(
            [sys.executable, "-m", "polyfn", *arguments],
            env=self.environment(**more), capture_output=True, text=True, timeout=100, check=False,
            input=stdin, cwd=cwd or self.root,
        )  # fmt: skip


COLOURS = ("NO_COLOR", "FORCE_COLOR", "COLUMNS")


@contextlib.contextmanager
def installed_at(root: Path, monkeypatch) -> Iterator[Site]:
    """Put an empty site on sys.path; in the end forget the modules that were imported from it."""
    root.mkdir()
    for name in [name for name in os.environ if name.startswith("POLYFN_") and name != "POLYFN_REQUIRE_ALL"]:
        monkeypatch.delenv(name)
    before = set(sys.modules)
    monkeypatch.syspath_prepend(str(root))
    yield Site(root)
    for name in set(sys.modules) - before:
        if str(root) in str(getattr(sys.modules[name], "__file__", "")):
            del sys.modules[name]
