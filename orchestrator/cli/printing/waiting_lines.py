"""Which jobs wait for workers or for another attempt, since when and for what, in lines."""

import textwrap
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from compound.orchestrator.timeline.intervals import clock_difference
from compound.orchestrator.wording.numbers import counted, duration
from compound.schemas.job import Event

if TYPE_CHECKING:
    from compound.orchestrator.timeline.job_standing import Standing

_WIDTH = 80
_SECOND = 1.0
"""Within which two processes of one host may report in another order than they measure."""
_NAMED = 3
"""Waits that are described; of more jobs the number."""
_HEADS = {"waiting": "waiting for workers", "retrying": "retrying"}


def waiting_lines(jobs: Sequence[tuple[str, "Standing"]], now: float) -> list[str]:
    """Return lines about the jobs that wait, those that wait longest first.

    `jobs`: every job's label and where it stands; `now`: in seconds since 1970, by the clock here.
    """
    waiting = [(label, standing) for label, standing in jobs if standing.status in _HEADS]
    waiting.sort(key=lambda job: job[1].since or now)
    lines = [line for job in waiting[:_NAMED] for line in _lines(*job, now)]
    rest = len(waiting) - _NAMED
    return [*lines, f"waiting or retrying: {counted(rest, 'more job')}"] if rest > 0 else lines


def _lines(label: str, standing: "Standing", now: float) -> list[str]:
    head = _HEADS[standing.status]
    if standing.since is not None:
        head += f" since {since_text(standing.since, now)}"
    reason = " ".join(standing.message.split())
    wrapped = textwrap.wrap(reason, _WIDTH, initial_indent="  ", subsequent_indent="  ")
    return [f"{head}: {label}", *wrapped]


def clock_warning(events: Iterable[Event]) -> str:
    """Return a warning where times of events step back, as hosts' clocks disagree; else ""."""
    seconds = clock_difference(events)
    if seconds <= _SECOND:
        return ""
    apart = f"the clocks of hosts differ by {duration(seconds)} or more"
    return f"warning: {apart}: docs/explanation/protocol.md"


def since_text(since: float, now: float) -> str:
    """Write when something began, in this machine's time zone, and how long ago."""
    begun, today = (datetime.fromtimestamp(time).astimezone() for time in (since, now))
    text = f"{begun:%H:%M}" if begun.date() == today.date() else f"{begun:%Y-%m-%d %H:%M}"
    if now < since:
        return f"{text} by the driver's clock, which is ahead of this one"
    return f"{text} ({duration(now - since)})"
