"""What a handler may raise to say how the platform should treat a delivery.

Each platform has its own signal for these (a partial batch response, an HTTP status, an error
reply); the mapping lives in the providers and is documented in docs/outcomes.md.
"""


class Retry(Exception):  # noqa: N818  it is an outcome, not a mistake
    """Deliver this again later.

    `after` is the least delay in seconds that the sender is asked for. A provider that cannot pass
    it on does not declare the `retry-delay` capability, and `polyfn check` says so.
    """

    def __init__(self, reason: str = "retry requested", *, after: float | None = None) -> None:
        # Written so that NaN is refused as well: neither it nor infinity is a delay to ask for.
        if after is not None and not 0 <= after < float("inf"):
            raise ValueError(f"Retry(after={after!r}): expected None or a number of seconds >= 0")
        super().__init__(reason)
        self.reason = reason
        self.after = after


class Drop(Exception):  # noqa: N818  it is an outcome, not a mistake
    """Never deliver this again: it counts as done, and `reason` is logged as an error."""

    def __init__(self, reason: str = "dropped") -> None:
        super().__init__(reason)
        self.reason = reason
