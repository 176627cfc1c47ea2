"""Routes: whether a path matches `/orders/{order_id}`, and what its parameters are."""


def match(route: str | None, raw_path: str) -> "dict[str, str] | None":
    """Match a percent-encoded path; return its decoded parameters, or None if it does not match.

    `{name}` takes one segment that is not empty, `{name...}` the rest of the path. A literal
    segment compares decoded, an encoded slash never separates segments, and a trailing slash counts.
    """
    if route is None or (route == raw_path and "{" not in route):
        return {}
    params: dict[str, str] = {}
    wanted = route.split("/")
    given = raw_path.split("/")
    for index, want in enumerate(wanted):
        if want.startswith("{") and want.endswith("...}"):
            if index >= len(given):
                return None
            params[want[1:-4]] = _decode("/".join(given[index:]))
            return params
        if index >= len(given):
            return None
        have = given[index]
        if want.startswith("{") and want.endswith("}"):
            if not have:
                return None
            params[want[1:-1]] = _decode(have)
        elif want != have and want != _decode(have):
            return None
    return params if len(given) == len(wanted) else None


def _decode(segment: str) -> str:
    if "%" not in segment:
        return segment
    from polyfn.runtime.percent import unquote

    return unquote(segment)
