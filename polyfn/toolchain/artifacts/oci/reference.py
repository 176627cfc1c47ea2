"""References to images: `host:port/path:tag@digest`, read as docker and its registries read them.

The grammar is that of https://github.com/distribution/reference: without a host it is Docker Hub, without a
path there it is `library/`.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass, replace

from polyfn.toolchain.errors import UsageError

HUB = "docker.io"
#: Where Docker Hub's registry is; its name is another for historical reasons.
_HUB_HOST = "registry-1.docker.io"

_LABEL = r"(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])"
_HOST = re.compile(rf"(?:{_LABEL}(?:\.{_LABEL})*|\[[a-fA-F0-9:]+\])(?::[0-9]+)?")
_PART = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_PATH = re.compile(rf"{_PART}(?:/{_PART})*")
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}", re.ASCII)
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128}")
_LONGEST = 255


@dataclass(frozen=True)
class Reference:
    """One image in a registry. `repository` is without the host."""

    host: str
    repository: str
    tag: str | None = None
    digest: str | None = None

    @property
    def name(self) -> str:
        """The repository with its host."""
        return f"{self.host}/{self.repository}"

    @property
    def target(self) -> str:
        """What names a manifest: the digest, else the tag, else `latest`."""
        return self.digest or self.tag or "latest"

    @property
    def url(self) -> str:
        """Where the registry is. Only one on this machine is spoken to without TLS."""
        host = _HUB_HOST if self.host == HUB else self.host
        return f"{'http' if loopback(host) else 'https'}://{host}"

    def at(self, digest: str) -> Reference:
        """Return the reference to exactly this content."""
        return replace(self, tag=None, digest=digest)

    def __str__(self) -> str:
        tag = f":{self.tag}" if self.tag else ""
        return f"{self.name}{tag}{'@' + self.digest if self.digest else ''}"


def parse(text: str) -> Reference:
    """Read a reference. Raises UsageError that tells which part is wrong."""
    rest, at, digest = text.partition("@")
    if at and not _DIGEST.fullmatch(digest):
        raise _wrong(text, f"{digest!r} is no digest", "a digest is sha256: and 64 digits 0-9a-f")
    host, path = _split(rest)
    path, colon, tag = path.partition(":")
    if colon and not _TAG.fullmatch(tag):
        raise _wrong(text, f"{tag!r} is no tag", "a tag has up to 128 letters, digits, and _ . - inside")
    if not _HOST.fullmatch(host):
        raise _wrong(text, f"{host!r} is no host", "for example localhost:5000 or europe-docker.pkg.dev")
    if re.fullmatch(r"[a-f0-9]{64}", rest):
        raise _wrong(text, "64 digits 0-9a-f are an image's id", "give the repository's name")
    if not _PATH.fullmatch(path) or len(f"{host}/{path}" if host != HUB else path) > _LONGEST:
        lower = f"write it in lower case: {path.lower()}" if _PATH.fullmatch(path.lower()) else None
        raise _wrong(
            text, f"{path!r} is no repository", lower or "for example europe-docker.pkg.dev/team/app"
        )
    if host == HUB and "/" not in path:
        path = f"library/{path}"
    return Reference(host, path, tag or None, digest or None)


def is_tag(text: str) -> bool:
    """Whether this can be a tag."""
    return _TAG.fullmatch(text) is not None


def loopback(host: str) -> bool:
    """Whether a host, with or without a port, is this machine."""
    name = host.partition("]")[0].removeprefix("[") if host.startswith("[") else host.partition(":")[0]
    if name == "localhost":
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def _split(name: str) -> tuple[str, str]:
    first, slash, rest = name.partition("/")
    # What has neither dot nor port is a user of Docker Hub, unless no repository could be called so.
    if not slash or (not {".", ":"} & set(first) and first != "localhost" and first == first.lower()):
        return HUB, name
    return (HUB if first == "index.docker.io" else first), rest


def _wrong(text: str, what: str, hint: str) -> UsageError:
    return UsageError(f"{text[:300]!r} is no reference to an image: {what}", hint=hint)
