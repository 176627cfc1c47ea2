"""What `polyfn run` says one could try."""

from types import SimpleNamespace
from typing import Any

import pytest

from polyfn.toolchain.cli.tries import tries

URL = "http://127.0.0.1:8080"
GET = {"kind": "http", "method": "GET", "route": "/orders/{id}"}


@pytest.mark.parametrize(
    ("trigger", "several", "told"),
    [
        (GET, False, f"curl -g {URL}/orders/{{id}}"),
        ({"kind": "http"}, True, f"curl {URL}/"),
        ({"kind": "http", "method": "PUT", "route": "/x"}, True, f"curl -X PUT {URL}/x --json"),
        ({"kind": "call"}, False, f"curl {URL} --json"),
        ({"kind": "call"}, True, f"curl {URL}/f --json"),
        ({"kind": "queue", "name": "q"}, True, "polyfn invoke shop.py::f --target box"),
        ({"kind": "schedule"}, False, "polyfn invoke shop.py::f --target box"),
    ],
)
def test_it_suits_the_trigger(trigger: dict[str, Any], several: bool, told: str) -> None:
    provider = SimpleNamespace(several=several, name="box")
    served: Any = SimpleNamespace(provider=provider, functions=[SimpleNamespace(name="f", trigger=trigger)])
    for source in ("shop.py", "shop.py::f"):
        (line,) = tries(served, source, URL)
        assert line.startswith(told)
