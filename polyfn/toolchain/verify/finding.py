"""What `polyfn verify` says: one finding, and the table of all codes.

The hundreds digit of a code is the concern: 1 the archive and its entry point, 2 binaries,
3 Python, 4 sizes, 5 secrets. docs/verify.md has a section for each.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

Severity = Literal["error", "warning", "note"]
SEVERITIES: tuple[Severity, ...] = ("error", "warning", "note")


@dataclass(frozen=True)
class Rule:
    """What a code stands for: `severity` unless a finding says otherwise, `remedy` unless it knows better."""

    severity: Severity
    title: str
    remedy: str


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong with an artifact: an `error` fails on the platform, a `warning` may.

    `path` is that inside the artifact, None for what concerns all of it.
    """

    code: str
    severity: Severity
    message: str
    path: str | None
    remedy: str

    def describe(self) -> dict[str, Any]:
        """Return the finding as plain JSON."""
        return asdict(self)


def found(
    code: str,
    message: str,
    path: str | None = None,
    *,
    severity: Severity | None = None,
    remedy: str | None = None,
) -> Finding:
    """Make a finding, with what the table of codes says where nothing else is given."""
    rule = CODES[code]
    return Finding(code, severity or rule.severity, message, path, remedy or rule.remedy)


_REPACK = "make the archive again, with polyfn package or another tool that writes plain zip files"

CODES: dict[str, Rule] = {
    "PV101": Rule(
        "error",
        "the entry point is missing",
        "put it at the root of the archive: zip the content of the folder, not the folder",
    ),
    "PV102": Rule(
        "error",
        "the entry point is not executable",
        "chmod 755 it before it is packed, or use polyfn package",
    ),
    "PV103": Rule(
        "error",
        "the entry point has no Unix mode",
        "pack on Linux or macOS, or with a tool that writes Unix modes, such as polyfn package",
    ),
    "PV104": Rule(
        "error",
        "the entry point has CRLF line ends",
        "save it with LF line ends (git: *.sh text eol=lf in .gitattributes)",
    ),
    "PV105": Rule(
        "error",
        "the entry point begins with a byte order mark",
        "save it as UTF-8 without BOM: the kernel looks for #! in the first two bytes",
    ),
    "PV106": Rule(
        "error",
        "the interpreter that the entry point names is not there",
        "name one that the platform has, such as /bin/sh, and start the bundle's own program from it",
    ),
    "PV107": Rule(
        "error",
        "the entry point is neither a script nor a program",
        "begin it with #!/bin/sh, or put a Linux program there",
    ),
    "PV111": Rule("error", "a name leaves the tree", _REPACK),
    "PV112": Rule("error", "a name comes twice", _REPACK),
    "PV113": Rule(
        "note", "names differ only by case", "rename one, if the tree is ever unpacked on macOS or Windows"
    ),
    "PV114": Rule(
        "error", "a symbolic link leaves the tree", "replace the link by a copy of what it points to"
    ),
    "PV115": Rule(
        "warning", "a symbolic link points to nothing", "remove the link, or pack what it points to"
    ),
    "PV116": Rule("error", "an entry is encrypted", "pack without a password"),
    "PV117": Rule("error", "an entry is compressed in a way that not every reader knows", _REPACK),
    "PV118": Rule(
        "error",
        "a file cannot be read by others",
        "chmod -R go+rX before packing: the platform runs the function as another user",
    ),
    "PV119": Rule("error", "an entry is neither a file, a folder nor a link", "leave it out"),
    "PV120": Rule("error", "an entry is damaged", "make the archive again, and compare its checksum"),
    "PV121": Rule(
        "warning",
        "a file is too large to be looked into",
        "make sure by other means that it is what it should be",
    ),
    "PV201": Rule(
        "error",
        "a binary is for another machine",
        "install the wheel for the target's architecture: polyfn package --arch does, "
        "or uv pip install --python-platform",
    ),
    "PV202": Rule(
        "error",
        "a binary needs a newer glibc",
        "take a wheel with an older manylinux tag, build on a system as old as the platform, "
        "or carry a libc: --interpreter host",
    ),
    "PV203": Rule(
        "note",
        "a binary needs a newer library than the platform has",
        "carry the library in the artifact, or build with an older compiler",
    ),
    "PV204": Rule(
        "error",
        "a library that a binary needs is nowhere",
        "take a wheel that carries its libraries (auditwheel repair), or put the library into the artifact",
    ),
    "PV205": Rule(
        "error", "a binary is built for musl", "take the manylinux wheel in place of the musllinux one"
    ),
    "PV206": Rule(
        "error",
        "a binary is for macOS",
        "install the Linux wheel: on a Mac, uv pip install needs --python-platform",
    ),
    "PV207": Rule("error", "a binary is for Windows", "install the Linux wheel"),
    "PV208": Rule("note", "a program for Windows is carried", "leave it out to save its size"),
    "PV209": Rule(
        "warning", "a binary is damaged", "install the distribution again; the file is no sound ELF file"
    ),
    "PV301": Rule(
        "error",
        "an extension module is for another Python version",
        "install the dependencies for the artifact's Python: polyfn package --python, or uv --python-version",
    ),
    "PV302": Rule(
        "error",
        "an extension module is named for another machine",
        "install the wheel for the target's architecture: Python skips a module with this name",
    ),
    "PV303": Rule(
        "error",
        "an extension module is for the other kind of Python",
        "take wheels with the tag of the artifact's Python: cp313t is the free-threaded build",
    ),
    "PV304": Rule(
        "warning",
        "a wheel's tags do not fit the target",
        "install the dependencies for the target's Python and architecture",
    ),
    "PV305": Rule(
        "warning",
        "bytecode is of another Python version",
        "compile with the artifact's Python, or leave the bytecode out: it is never used",
    ),
    "PV306": Rule(
        "error",
        "a module without source is of another Python version",
        "compile it with the artifact's Python, or carry the source",
    ),
    "PV307": Rule(
        "warning",
        "bytecode depends on file times",
        "python -m compileall --invalidation-mode unchecked-hash: unpacking changes the times, "
        "and each cold start compiles again",
    ),
    "PV308": Rule(
        "note",
        "bytecode is checked against its source",
        "python -m compileall --invalidation-mode unchecked-hash saves reading the sources at each start",
    ),
    "PV309": Rule(
        "error",
        "bytecode is of another source",
        "compile again: Python trusts this bytecode and would run what the source once was",
    ),
    "PV310": Rule(
        "error",
        "a module that is imported is missing",
        "add the distribution that has it to the dependencies",
    ),
    "PV311": Rule(
        "error",
        "a module that was left out of the interpreter is imported",
        "do not import it, or keep it in the interpreter",
    ),
    "PV312": Rule(
        "warning",
        "a source is not valid for the artifact's Python",
        "mend it, or leave it out if nothing imports it",
    ),
    "PV401": Rule(
        "error",
        "the artifact is too large",
        "leave out what the function does not import, or deploy it as a container image",
    ),
    "PV402": Rule("warning", "the artifact cannot be uploaded directly", "upload it another way"),
    "PV501": Rule(
        "warning", "a private key is carried", "leave it out, and fetch it from the platform's secret store"
    ),
    "PV502": Rule(
        "warning", "an environment file is carried", "leave it out, and set the variables on the platform"
    ),
    "PV503": Rule(
        "error", "a file of credentials is carried", "leave it out, and revoke what was deployed before"
    ),
    "PV504": Rule(
        "error", "a version control folder is carried", "leave it out: it has the whole history in it"
    ),
    "PV505": Rule(
        "warning",
        "a virtual environment is carried",
        "leave it out: it is bound to the machine it was made on",
    ),
}
