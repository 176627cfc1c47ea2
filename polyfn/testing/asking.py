"""Cases of HTTP: a client's request in, the response that the client sees and the log out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from polyfn.testing.case import Case, Comparison, GoldenError, LackedError, Line
from polyfn.toolchain.provider import Capability

if TYPE_CHECKING:
    import httpx

    from polyfn.testing.stage import Stage
    from polyfn.toolchain.dialect import Front

#: What no client may ever see: the text of an exception.
SECRET = b"golden secret"


@dataclass(frozen=True)
class Asked:
    """A request to a function's deployment, and the response. It is run through every front.

    `target` is the raw path with its query, None for where a function is called; `body` may be bytes, or
    anything that JSON can say, and so may `expected`. `headers` are those that the response must have,
    several of a name joined by a comma; `cookies` are all its Set-Cookie headers.
    """

    name: str
    function: str
    method: str
    target: str | None
    status: int
    expected: Any = None
    body: Any = None
    sent: tuple[tuple[str, str], ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict)
    cookies: tuple[str, ...] | None = None
    lines: tuple[Line, ...] | None = ()

    async def __call__(self, stage: Stage) -> None:
        """Run it. Raises GoldenError, and LackedError where no front carries it."""
        every = stage.dialect.fronts
        fronts = [front for front in every if self.name not in front.lacks]
        if not fronts:
            raise LackedError("; ".join(dict.fromkeys(front.lacks[self.name] for front in every)))
        faults = [fault for front in fronts if (fault := await self._fault(stage, front))]
        if faults:
            raise GoldenError("\n".join(faults))

    async def _fault(self, stage: Stage, front: Front) -> str | None:
        scene = await stage.scene(self.function, front)
        found = Comparison(f"{self.method} {self._path(stage)} through {front.name}")
        if not scene.emulator.url:
            return f"{found.what}: the emulator serves no HTTP"
        self._compare(found, await self._answer(scene.emulator.url, self._path(stage)))
        if self.lines is not None:
            got = await scene.wait_for_lines(len(self.lines))
            found.lines(got, self.lines, self.function, several=stage.provider.several)
        try:
            found.close()
        except GoldenError as error:
            return str(error)
        return None

    def _path(self, stage: Stage) -> str:
        """A function that is called has its name for a path, where it is not alone."""
        return self.target or (f"/{self.function}" if stage.provider.several else "/")

    async def _answer(self, url: str, path: str) -> httpx.Response:
        from httpx import AsyncClient

        async with AsyncClient(timeout=20, trust_env=False) as client:
            content = {} if self.body is None else _content(self.body)
            headers = [*self.sent, *content.pop("headers", [])]
            return await client.request(self.method, url.rstrip("/") + path, headers=headers, **content)

    def _compare(self, found: Comparison, answer: httpx.Response) -> None:
        found.same("the status", answer.status_code, self.status)
        if isinstance(self.expected, bytes):
            found.same("the body", answer.content, self.expected)
        elif self.expected is not None:
            found.same("the body", _json(answer), self.expected)
        for name, value in self.headers.items():
            got = ",".join(answer.headers.get_list(name)).replace(", ", ",") or None
            found.same(f"the header {name}", got, value)
        if self.cookies is not None:
            found.same("the cookies", sorted(answer.headers.get_list("set-cookie")), sorted(self.cookies))
        if SECRET in answer.content:
            found.faults.append("the client is told the exception's text")


def _content(body: Any) -> dict[str, Any]:
    if isinstance(body, bytes):
        return {"content": body, "headers": [("content-type", "application/octet-stream")]}
    return {"json": body}


def _json(answer: httpx.Response) -> Any:
    try:
        return answer.json()
    except ValueError:
        return answer.content


def case(
    name: str,
    function: str,
    request: str,
    status: int,
    expected: Any = None,
    *,
    body: Any = None,
    sent: Sequence[tuple[str, str]] = (),
    headers: Mapping[str, str] | None = None,
    cookies: Sequence[str] | None = None,
    lines: Sequence[Line] | None = (),
    also: tuple[Capability, ...] = (),
) -> Case:
    """Return a case of HTTP. `request` is `METHOD target`."""
    method, _, target = request.partition(" ")
    run = Asked(
        name, function, method, target, status, expected, body, tuple(sent), headers or {},
        None if cookies is None else tuple(cookies), None if lines is None else tuple(lines),
    )  # fmt: skip
    return Case(name, Capability.HTTP, run, also)


def called(
    name: str, function: str, argument: Any, status: int, expected: Any = None, *, lines: Sequence[Line] = ()
) -> Case:
    """Return a case of a function that is called over HTTP."""
    run = Asked(name, function, "POST", None, status, expected, argument, lines=tuple(lines))
    return Case(name, Capability.CALL, run, (Capability.HTTP,))
