"""An HTTP function: POST a JSON body with a name, get a greeting. No readable name means the world."""

import polyfn
from polyfn import Http, PolyfnError, Request


@polyfn.function(Http("POST"))
def greeting(request: Request) -> dict:
    try:
        name = request.json()["name"]
    except (PolyfnError, KeyError, TypeError):
        name = None
    if not isinstance(name, str) or not name:
        name = "world"
    return {"greeting": f"hello, {name}"}
