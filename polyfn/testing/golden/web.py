"""Golden functions that answer HTTP."""

import logging
from typing import Any

from pydantic import BaseModel

import polyfn
from polyfn import Context, Http, HTTPError, Request, Response

log = logging.getLogger("golden")


class Item(BaseModel):
    """A validated body."""

    name: str
    count: int


@polyfn.function(Http("GET", "/golden/items/{item_id}"))
def shown(request: Request) -> dict[str, Any]:
    """Tell what was asked: parameter, query and headers."""
    return {
        "id": request.params["item_id"],
        "colors": request.query.all("color"),
        "size": request.query.get("size"),
        "many": ",".join(request.headers.all("x-golden")).replace(" ", ""),
    }


@polyfn.function(Http("POST", "/golden/items"))
async def added(request: Request[Item], context: Context) -> tuple[int, dict[str, Any]]:
    """Take a validated body, asynchronously, and answer with a status."""
    log.info("added by %s", context.function)
    return 201, {"name": request.data.name, "count": request.data.count}


@polyfn.function(Http("PUT", "/golden/bytes"))
def returned(request: Request) -> Response:
    """Return the body as it came."""
    kind = request.content_type or "application/octet-stream"
    return Response(request.raw, headers={"content-type": kind, "x-size": str(len(request.raw))})


@polyfn.function(Http("GET", "/golden/cookies"))
def baked(request: Request) -> Response:
    """Set several cookies, and tell of those that came."""
    answer = Response({"cookies": dict(request.cookies)})
    answer.headers.add("set-cookie", "one=1; Path=/")
    answer.headers.add("set-cookie", "two=2; Expires=Thu, 01 Jan 2026 00:00:00 GMT")
    answer.headers.add("x-many", "a")
    answer.headers.add("x-many", "b")
    return answer


@polyfn.function(Http("GET", "/golden/lost"))
async def lost() -> None:
    """Answer with a problem."""
    raise HTTPError(404, "no such thing")


@polyfn.function(Http("GET", "/golden/failing"))
def broken() -> None:
    """Raise what nobody expected."""
    raise ValueError("golden secret")


@polyfn.function(Http("GET", "/golden/rest/{path...}"))
def rest(request: Request) -> dict[str, str]:
    """Take the rest of the path."""
    return {"path": request.params["path"]}


@polyfn.function(Http("DELETE", "/golden/nothing"))
def nothing() -> None:
    """Answer without a body."""
    return Response(status=204)  # type: ignore[return-value]
