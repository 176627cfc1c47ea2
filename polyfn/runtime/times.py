"""Times as platforms tell them, turned into aware datetimes."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from datetime import datetime


def parse(told: "str | float") -> "datetime | None":
    """Parse ISO 8601 (without an offset: UTC) or seconds since the epoch; None for anything else."""
    from datetime import UTC, datetime

    if isinstance(told, (int, float)):
        try:
            return datetime.fromtimestamp(told, UTC)
        except (OverflowError, ValueError, OSError):
            return None
    try:
        when = datetime.fromisoformat(told)
    except ValueError:
        return None
    return when if when.tzinfo is not None else when.replace(tzinfo=UTC)
