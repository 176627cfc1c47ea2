"""What should not leave the developer's machine, by its name or its first bytes."""

from __future__ import annotations

from collections.abc import Iterator

from polyfn.toolchain.verify.finding import Finding, found
from polyfn.toolchain.verify.subject import Subject

#: By the end of the path; each tool writes its own.
_CREDENTIALS = (
    ".aws/credentials", ".azure/accessTokens.json", ".azure/msal_token_cache.json", ".docker/config.json",
    ".kube/config", ".config/gcloud/credentials.db",
    "application_default_credentials.json", ".git-credentials",
    ".netrc", "_netrc", ".pypirc", ".npmrc", ".pgpass", ".my.cnf", ".terraformrc", ".vault-token",
)  # fmt: skip
_HISTORY = (".git", ".hg", ".svn", ".bzr", ".jj")
_HARMLESS = ("example", "sample", "template", "dist", "defaults")


def check(subject: Subject) -> Iterator[Finding]:
    """Look at names, and at the files that are keys by their content."""
    history: set[str] = set()
    for name in subject.files:
        parts = name.split("/")
        if (root := _history(parts)) is not None:
            if root not in history:
                history.add(root)
                yield found("PV504", f"{root} is a version control folder", root)
        elif any(name == one or name.endswith(f"/{one}") for one in _CREDENTIALS):
            yield found("PV503", f"{name} is a file of credentials", name)
        elif subject.kinds.get(name) == "key":
            yield found("PV501", f"{name} is a private key", name)
        elif _environment(parts[-1]):
            yield found("PV502", f"{name} is an environment file", name)
        elif parts[-1] == "pyvenv.cfg":
            yield found("PV505", f"{name} marks a virtual environment", name)
        elif name.endswith(".json") and _service_account(subject, name):
            yield found("PV503", f"{name} is the key of a Google service account", name)


def _history(parts: list[str]) -> str | None:
    at = next((index for index, part in enumerate(parts[:-1]) if part in _HISTORY), None)
    return None if at is None else "/".join(parts[: at + 1])


def _environment(file: str) -> bool:
    return file == ".env" or (file.startswith(".env.") and not file.endswith(_HARMLESS))


def _service_account(subject: Subject, name: str) -> bool:
    return b'"service_account"' in subject.heads.get(name, b"")
