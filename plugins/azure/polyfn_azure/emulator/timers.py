"""Timers: run by their schedule, with the object that the host gives them (TimerInfo)."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from polyfn.toolchain.errors import EmulationError
from polyfn_azure.emulator import ncrontab
from polyfn_azure.emulator.bindings import Function
from polyfn_azure.emulator.dotnet import stamp
from polyfn_azure.emulator.timespan import seconds

#: Schedules that run more often than this are not watched, and have no status (TimerListener).
WATCHED = timedelta(minutes=1)
#: What .NET has for a time that never was.
NEVER = "0001-01-01T00:00:00"
#: A run that comes later than this is past due.
LATE = timedelta(seconds=1)

#: Runs a function with the timer's object; True if it succeeded.
Run = Callable[[Function, dict[str, Any]], Awaitable[bool]]


@dataclass(frozen=True)
class Every:
    """A schedule that is an interval: `00:00:10`."""

    interval: timedelta

    def next(self, after: datetime) -> datetime | None:
        """Return the next time."""
        return after + self.interval

    def shortest(self, after: datetime) -> timedelta | None:  # noqa: ARG002  as a Schedule has it
        """Return the interval."""
        return self.interval


class Timer:
    """One timer. `zone` is what its schedule is read in. Raises EmulationError."""

    def __init__(self, function: Function, run: Run, log: Callable[[str], None], zone: str) -> None:
        self._function, self._run, self._log = function, run, log
        self._zone = _zone(zone)
        told = function.trigger.text("schedule")
        span = seconds(told)
        try:
            self._schedule = Every(timedelta(seconds=span)) if span and span > 0 else ncrontab.parse(told)
        except ncrontab.ScheduleError as error:
            raise EmulationError(
                f"{function.name}/function.json: the schedule: {error}",
                hint='such as "0 */5 * * * *", every five minutes',
            ) from None
        shortest = self._schedule.shortest(datetime.now(self._zone))
        monitored = function.trigger.keys.get("useMonitor") is not False
        self._watched = monitored and (shortest is None or shortest >= WATCHED)

    async def forever(self) -> None:
        """Run the function whenever it is time."""
        last: datetime | None = None
        if self._function.trigger.keys.get("runOnStartup") is True:
            last = await self._once(last, due=datetime.now(self._zone))
        while (due := self._schedule.next(last or datetime.now(self._zone))) is not None:
            while (left := (due - datetime.now(self._zone)).total_seconds()) > 0:
                await asyncio.sleep(min(left, 60))
            last = await self._once(last, due=due)
        self._log(f"[Warning] polyfn: the schedule of {self._function.name} never comes again")

    async def _once(self, last: datetime | None, *, due: datetime) -> datetime:
        now = datetime.now(self._zone)
        await self._run(self._function, self.value(last, due, past=now - due > LATE))
        # What came due while it ran is not made up for.
        return max(due, datetime.now(self._zone).replace(microsecond=0))

    def value(self, last: datetime | None, due: datetime, *, past: bool = False) -> dict[str, Any]:
        """Return the timer's object for a run that is due at a time."""
        status = None
        if self._watched:
            told = NEVER if last is None else _local(last)
            status = {"Last": told, "Next": _local(due), "LastUpdated": told}
        return {"Schedule": {"AdjustForDST": True}, "ScheduleStatus": status, "IsPastDue": past}


def _local(moment: datetime) -> str:
    offset = moment.strftime("%z") or "+0000"
    return stamp(moment, zone=f"{offset[:3]}:{offset[3:5]}")


def _zone(name: str) -> ZoneInfo | Any:
    if not name:
        return UTC
    try:
        return ZoneInfo(name)
    except (ValueError, OSError, KeyError):
        raise EmulationError(
            f"the app setting WEBSITE_TIME_ZONE is {name!r}, which is no time zone here",
            hint="such as Europe/Berlin",
        ) from None
