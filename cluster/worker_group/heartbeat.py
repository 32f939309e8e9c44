"""Who of a group of workers is to be given up: silent, or hanging. Plain arithmetic, no Ray."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

BEAT_S = 2.0
"""Seconds between two signs of life of a worker."""

SILENT_S = 20.0
"""Seconds without a sign of life after which a worker is frozen, or its host out of reach."""

_ALL_SILENT = 3
"""When nobody is heard of, whoever listens may have slept: wait so many times as long."""


@dataclass(frozen=True)
class Heartbeat:
    """A worker's sign of life: who it is, and what its training thread does."""

    rank: int
    host: str
    node: str
    """Ray's id of the host."""
    pid: int
    steps: int
    place: str
    trace: int
    waits: bool
    collectives: int = 0
    """How many it has begun: who waits in one has begun it, whoever it waits for has not."""

    @property
    def name(self) -> str:
        """What people call the worker."""
        return f"worker {self.rank} on {self.host} (pid {self.pid})"


@dataclass(frozen=True)
class StalledWorker:
    """A worker that keeps the others waiting, and what speaks for it."""

    beat: Heartbeat
    why: str


@dataclass(frozen=True)
class _LastSeen:
    beat: Heartbeat
    at: float
    moved: float


class HeartbeatMonitor:
    """Listens to the workers of one group after another."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._group = 0
        self._seen: dict[int, _LastSeen] = {}
        self._rested = clock()

    @property
    def beats(self) -> tuple[Heartbeat, ...]:
        """The last sign of life of each worker of the newest group."""
        return tuple(seen.beat for seen in self._seen.values())

    def begin(self, group: int) -> None:
        """A new group is being started; what an earlier one still says does not count."""
        self._group, self._seen = group, {}
        self.rest()

    def rest(self) -> None:
        """The workers have nothing to do at the moment, or wait for somebody else."""
        self._rested = self._clock()

    def hear(self, group: int, beat: Heartbeat) -> None:
        """A worker lives."""
        if group != self._group:
            return
        now, before = self._clock(), self._seen.get(beat.rank)
        moved = before is None or _moved(before.beat, beat)
        self._seen[beat.rank] = _LastSeen(beat, now, now if moved or not before else before.moved)

    def leave(self, group: int, rank: int) -> None:
        """A worker has done its work and will not be heard of again."""
        if group == self._group:
            self._seen.pop(rank, None)

    def suspects(self, patience: float) -> tuple[StalledWorker, ...]:
        """Return who is to be given up: silent ones, else who holds up a job that stands still.

        A job stands still when none of its workers has made progress for `patience` seconds. Then
        all of them wait for the one that has not begun the collective that the others are in.
        """
        return self._silent() or self._hanging(patience)

    def _silent(self) -> tuple[StalledWorker, ...]:
        now = self._clock()
        ages = {rank: now - seen.at for rank, seen in self._seen.items()}
        silent = [rank for rank, age in ages.items() if age > SILENT_S]
        if len(silent) == len(ages) and any(ages[r] <= _ALL_SILENT * SILENT_S for r in silent):
            return ()
        return tuple(
            StalledWorker(
                self._seen[rank].beat, f"has given no sign of life for {ages[rank]:.0f} s"
            )
            for rank in silent
        )

    def _hanging(self, patience: float) -> tuple[StalledWorker, ...]:
        still = self._clock() - max([self._rested, *(seen.moved for seen in self._seen.values())])
        if still <= patience or not self._seen:
            return ()
        return tuple(
            StalledWorker(beat, f"hangs: no progress for {still:.0f} s, at {beat.place}")
            for beat in _holding_up(self.beats)
        )


def _holding_up(beats: Sequence[Heartbeat]) -> Sequence[Heartbeat]:
    """Return whom the others wait for: who has begun fewer collectives than others.

    Where all have begun as many, as when a worker hangs in the midst of one, it is who does not
    stand in a call that waits, and then who has come least far.
    """
    late = _least(beats, [beat.collectives for beat in beats])
    if len(late) < len(beats):
        return late
    elsewhere = [beat for beat in beats if not beat.waits]
    if 0 < len(elsewhere) < len(beats):
        return elsewhere
    return _least(beats, [beat.steps for beat in beats])


def _least(beats: Sequence[Heartbeat], counts: Sequence[int]) -> list[Heartbeat]:
    least = min(counts)
    return [beat for beat, count in zip(beats, counts, strict=True) if count == least]


def _moved(before: Heartbeat, now: Heartbeat) -> bool:
    """Whether a worker got on: by a batch, or at all while it still prepares its first one."""
    return now.steps != before.steps or (now.steps == 0 and now.trace != before.trace)
