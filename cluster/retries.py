"""The one policy of retries: what happens to a job after an attempt that has failed.

A pure function of the cause, of how often it came, and of the spec's limits. The phase runner asks
it about a job's own failures; the runners count what happens to workers and hosts.
"""

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from compound.schemas.job import Cause, Event
from compound.schemas.retries import RetryLimits

Action = Literal["retry", "retry_smaller", "give_up"]
InterruptionKind = Literal["worker lost", "preempted"]

INTERRUPTIONS: tuple[InterruptionKind, ...] = ("worker lost", "preempted")
"""Causes that a runner counts itself while the job runs: the phase runner gets the last one."""

_LATER = {
    "storage": "retried by the next run",
    "interrupted": "retried by the next run",
    "diverged": "a retry would end the same way",
    "data": "a retry would end the same way",
    "pruned": "stopped by the promotion of the search",
}
"""Causes without a retry in the same run, and the reason."""

_SMALLER = "out of memory: retried with micro-batches of half the size"
_REASON = re.compile(rf"(?:[a-z ]+: retry \d+ of \d+|{_SMALLER})")


@dataclass(frozen=True)
class Decision:
    """What to do with a job, and the reason in a few words."""

    action: Action
    reason: str


def decide(
    cause: Cause, attempts: int, limits: RetryLimits, *, divisible: bool = False
) -> Decision:
    """Decide on a job that has failed.

    `attempts`: how many attempts have ended with a cause of this kind, the last one included;
    `divisible`: whether micro-batches of half the size are possible.
    """
    if cause.fix:
        return Decision("give_up", "retried by the next run, once the host is repaired")
    if cause.kind in _LATER:
        return Decision("give_up", _LATER[cause.kind])
    if cause.kind == "out of memory":
        smaller = Decision("retry_smaller", _SMALLER)
        return smaller if divisible else Decision("give_up", "micro-batches cannot be halved")
    limit = _limit(cause, limits)
    if attempts <= limit:
        return Decision("retry", f"{cause.kind}: retry {attempts} of {limit}")
    return Decision("give_up", f"retry limit reached: {_times(cause.kind, attempts)}")


def _limit(cause: Cause, limits: RetryLimits) -> int:
    counted = {
        "error": limits.error,
        "worker lost": limits.lost_worker,
        "preempted": limits.preemption,
    }
    return counted[cause.kind]


def tried_by_next_run(cause: Cause) -> bool:
    """Whether running the study again tries the job anew: the cause lies outside of the job."""
    return bool(cause.fix) or cause.kind in ("storage", "interrupted", *INTERRUPTIONS)


def newest_reasons(events: Iterable[Event]) -> dict[str, str]:
    """Return the reason of the newest decision on each job, by the job's id."""
    reasons: dict[str, str] = {}
    for event in events:
        reason = _REASON.search(event.message)
        if event.kind == "ended":
            reasons[event.job] = event.message
        elif reason is not None:
            reasons[event.job] = reason[0].strip()
    return {job: reason for job, reason in reasons.items() if reason}


class RetryBudget:
    """Counts the interruptions of one job: lost workers and preemptions, each with its limit."""

    def __init__(self, limits: RetryLimits) -> None:
        self._limits = limits
        self._counts: Counter[InterruptionKind] = Counter()
        self._newest = ""

    def count(self, kind: InterruptionKind, text: str) -> str:
        """Count an interruption; return a line about it for people."""
        self._counts[kind] += 1
        self._newest = text
        decision = self._decision(kind)
        if decision.action == "give_up":
            return f"{text}; {decision.reason}"
        return f"{text} ({decision.reason}); continues from the last checkpoint"

    def cause(self) -> Cause | None:
        """Return why the job is given up; None while it may continue."""
        for kind in self._counts:
            decision = self._decision(kind)
            if decision.action == "give_up":
                parts = [_times(k, number) for k, number in self._counts.items() if k != kind]
                reason = ", ".join([decision.reason, *parts])
                return Cause(kind=kind, message=f"{reason}; the last: {self._newest}")
        return None

    def _decision(self, kind: InterruptionKind) -> Decision:
        return decide(Cause(kind=kind, message=self._newest), self._counts[kind], self._limits)


def _times(kind: str, number: int) -> str:
    return f"{kind} {number} time" + ("" if number == 1 else "s")
