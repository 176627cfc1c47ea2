"""The same application in each framework, for tests that serve one.

| path | answers |
|---|---|
| `/items/{item}?tag=` | JSON of both; an item that is no number is a 4xx of the framework's own |
| `/echo` | POST: the body as application/octet-stream |
| `/cookies` | the request's cookies as JSON, and sets two |
| `/facts/...` | what the scope says, as JSON |
| `/stream` | three pieces of text |
| `/fails` | raises ValueError("secret") |
| `/count` | JSON: how many startups there were, and the loop's identity then and now |

Every one counts its startups and shutdowns in `app.state.events`, a list.
"""

import asyncio
import contextlib
from typing import Any

from fastapi import FastAPI
from litestar import Litestar, asgi, get, post
from litestar import Request as LitestarRequest
from litestar import Response as LitestarResponse
from litestar.datastructures import Cookie
from litestar.params import FromPath
from litestar.response import Stream
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route


def facts_of(scope) -> dict[str, Any]:
    return {
        "path": scope["path"],
        "raw_path": scope["raw_path"].decode(),
        "root_path": scope["root_path"],
        "query": scope["query_string"].decode(),
        "client": scope["client"][0] if scope["client"] else None,
        "server": scope["server"],
        "scheme": scope["scheme"],
        "headers": [[name.decode(), value.decode("latin-1")] for name, value in scope["headers"]],
    }


async def pieces():
    for number in range(3):
        yield f"{number};"


@contextlib.asynccontextmanager
async def lifespan(app):
    app.state.events.append("startup")
    app.state.loop = asyncio.get_running_loop()
    yield
    app.state.events.append("shutdown")


def count_of(app) -> dict[str, Any]:
    same = app.state.loop is asyncio.get_running_loop()
    return {"startups": app.state.events.count("startup"), "same loop": same}


def of_starlette(**more):
    app = Starlette(routes=_routes(), lifespan=lifespan, **more)
    app.state.events = []
    return app


def _routes():
    async def item(request: Request):
        tags = request.query_params.getlist("tag")
        return JSONResponse({"item": int(request.path_params["item"]), "tag": tags})

    async def count(request: Request):
        return JSONResponse(count_of(request.app))

    return [
        Route("/items/{item:int}", item),
        Route("/echo", _echo, methods=["POST"]),
        Route("/cookies", _cookies),
        Route("/facts/{rest:path}", _facts),
        Route("/stream", _stream),
        Route("/fails", _fails),
        Route("/count", count),
    ]


async def _echo(request: Request):
    return Response(await request.body(), media_type="application/octet-stream")


async def _cookies(request: Request):
    response = JSONResponse(dict(request.cookies))
    response.set_cookie("a", "1")
    response.set_cookie("b", "2, and 3", httponly=True)
    return response


async def _facts(request: Request):
    return JSONResponse(facts_of(request.scope))


async def _stream(request: Request):
    return StreamingResponse(pieces(), media_type="text/plain")


async def _fails(request: Request):
    raise ValueError("secret")


def of_fastapi(**more):
    app = FastAPI(lifespan=lifespan, **more)
    app.state.events = []
    app.post("/echo")(_echo)
    app.get("/cookies")(_cookies)
    app.get("/facts/{rest:path}")(_facts)
    app.get("/stream")(_stream)
    app.get("/fails")(_fails)

    @app.get("/items/{item}")
    async def item(item: int, request: Request):
        return {"item": item, "tag": request.query_params.getlist("tag")}

    @app.get("/count")
    async def count():
        return count_of(app)

    return app


def of_litestar(**more):
    @get("/items/{item:int}")
    async def item(item: FromPath[int], request: LitestarRequest) -> dict[str, Any]:
        return {"item": item, "tag": request.query_params.getall("tag", [])}

    @post("/echo", status_code=200, media_type="application/octet-stream")
    async def echo(request: LitestarRequest) -> bytes:
        return await request.body()

    @get("/cookies")
    async def cookies(request: LitestarRequest) -> LitestarResponse[dict[str, str]]:
        new = [Cookie("a", "1"), Cookie("b", "2, and 3", httponly=True)]
        return LitestarResponse(dict(request.cookies), cookies=new)

    @asgi("/facts", is_mount=True, copy_scope=False)
    async def facts(scope: Any, receive: Any, send: Any) -> None:
        await JSONResponse(facts_of(scope))(scope, receive, send)

    @get("/stream", media_type="text/plain")
    async def stream() -> Stream:
        return Stream(pieces())

    @get("/fails")
    async def fails() -> None:
        raise ValueError("secret")

    @get("/count")
    async def count(request: LitestarRequest) -> dict[str, Any]:
        return count_of(request.app)

    app = Litestar(
        [item, echo, cookies, facts, stream, fails, count],
        lifespan=[lifespan], openapi_config=None, logging_config=None, **more,
    )  # fmt: skip
    app.state.events = []
    return app


FRAMEWORKS = {"fastapi": of_fastapi, "starlette": of_starlette, "litestar": of_litestar}
