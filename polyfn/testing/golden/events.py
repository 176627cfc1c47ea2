"""Golden functions that take events."""

from golden.acting import act, saw
from pydantic import BaseModel

import polyfn
from polyfn import Context, Event, Events


class Order(BaseModel):
    """A validated payload."""

    do: str
    number: int = 0


@polyfn.function(Events("golden.created", source="golden/shop"))
def happened(event: Event[dict], context: Context) -> None:  # type: ignore[type-arg]
    """Take events of one type and source."""
    saw(
        context,
        id=event.id,
        type=event.type,
        source=event.source,
        time=event.time.isoformat() if event.time else None,
        data=event.data,
    )
    act(event.data["do"])


@polyfn.function(Events("golden.placed"))
async def placed(event: Event[Order], context: Context) -> None:
    """Take validated events, asynchronously."""
    saw(context, number=event.data.number)
