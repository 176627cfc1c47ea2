"""HTTP, as a client sees it."""

from typing import Any

from polyfn.testing.asking import case
from polyfn.testing.case import Line

_PROBLEM = {"content-type": "application/problem+json"}
_TEXT = "wörld".encode()
_BINARY = bytes(range(256)) * 3
_SHOWN: dict[str, Any] = {"id": "7", "colors": [], "size": None, "many": ""}
_BAKED = ("one=1; Path=/", "two=2; Expires=Thu, 01 Jan 2026 00:00:00 GMT")

CASES = (
    case("http-parameter", "shown", "GET /golden/items/7", 200, _SHOWN),
    case("http-query", "shown", "GET /golden/items/7?color=red&size=&color=sea%20blue", 200,
         {**_SHOWN, "colors": ["red", "sea blue"], "size": ""}),
    case("http-percent-encoded", "shown", "GET /golden/items/%E2%9C%93%20a", 200, {**_SHOWN, "id": "✓ a"}),
    case("http-encoded-slash", "shown", "GET /golden/items/a%2Fb", 200, {**_SHOWN, "id": "a/b"}),
    case("http-repeated-header", "shown", "GET /golden/items/7", 200, {**_SHOWN, "many": "a,b"},
         sent=(("x-golden", "a"), ("x-golden", "b"))),
    case("http-rest-of-the-path", "rest", "GET /golden/rest/a/b/c.txt", 200, {"path": "a/b/c.txt"}),
    case("http-validated", "added", "POST /golden/items", 201, {"name": "pen", "count": 3},
         body={"name": "pen", "count": "3"}, headers={"content-type": "application/json"},
         lines=(Line("INFO", "added by added"),)),
    case("http-refuses-what-does-not-fit", "added", "POST /golden/items", 422,
         body={"name": "pen", "count": "many"}, headers=_PROBLEM),
    case("http-refuses-what-is-no-json", "added", "POST /golden/items", 400, body=b"{", headers=_PROBLEM,
         sent=(("content-type", "application/json"),)),
    case("http-binary-both-ways", "returned", "PUT /golden/bytes", 200, _BINARY, body=_BINARY,
         headers={"content-type": "application/octet-stream", "x-size": "768"}),
    case("http-text-both-ways", "returned", "PUT /golden/bytes", 200, _TEXT, body=_TEXT,
         sent=(("content-type", "text/plain; charset=utf-8"),), headers={"x-size": "6"}),
    case("http-empty-body", "returned", "PUT /golden/bytes", 200, b"", headers={"x-size": "0"}),
    case("http-cookies", "baked", "GET /golden/cookies", 200, {"cookies": {"a": "1", "b": "2"}},
         sent=(("cookie", "a=1; b=2"),), cookies=_BAKED, headers={"x-many": "a,b"}),
    case("http-no-content", "nothing", "DELETE /golden/nothing", 204, b""),
    case("http-problem", "lost", "GET /golden/lost", 404, headers=_PROBLEM),
    case("http-failure", "broken", "GET /golden/failing", 500, headers=_PROBLEM,
         lines=(Line("ERROR", "the handler failed", error="ValueError"),)),
    case("http-head", "shown", "HEAD /golden/items/7", 200, b"",
         headers={"content-type": "application/json"}),
    case("http-options", "shown", "OPTIONS /golden/items/7", 204, b"",
         headers={"allow": "GET,HEAD,OPTIONS"}),
    case("http-not-found", "shown", "GET /golden/nowhere", 404, headers=_PROBLEM),
    case("http-method-not-allowed", "shown", "DELETE /golden/items/7", 405,
         headers={**_PROBLEM, "allow": "GET,HEAD"}),
)  # fmt: skip
