"""What the log says of an event that comes alone and does not succeed."""

from polyfn.testing.case import Line

FAILED = Line("ERROR", "the handler failed", error="ValueError")
MISFIT = Line("ERROR", "the handler failed", error="PayloadError")
RETRIED = Line("WARNING", "to be retried: not yet")
DROPPED = Line("ERROR", "dropped: not wanted")
