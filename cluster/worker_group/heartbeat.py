"""Which workers of a group are stalled: silent, or hanging. Plain arithmetic, no Ray."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

BEAT_S = 2.0
"""Seconds between two heartbeats of a worker."""

SILENT_S = 20.0
"""Seconds without a heartbeat after which a worker is frozen, or its host unreachable."""

_ALL_SILENT = 3
"""Where all workers are silent, the listener itself may have been frozen: wait that much longer."""


@dataclass(frozen=True)
class Heartbeat:
    """Which worker it is, and what its training thread does."""

    rank: int
    host: str
    node: str
    """Ray's id of the host."""
    pid: int
    steps: int
    position: str
    trace: int
    waits: bool
    collectives: int = 0
    """How many it has begun. A worker that waits in one has begun it, the late worker has not."""

    @property
    def name(self) -> str:
        """What people call the worker."""
        return f"worker {self.rank} on {self.host} (pid {self.pid})"


@dataclass(frozen=True)
class StalledWorker:
    """A worker that the others wait for, and the evidence."""

    beat: Heartbeat
    why: str


@dataclass(frozen=True)
class _LastSeen:
    beat: Heartbeat
    seen_at: float
    progressed: float


class HeartbeatMonitor:
    """Watches the workers of one generation after another."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._generation = 0
        self._seen: dict[int, _LastSeen] = {}
        self._idle_since = clock()

    @property
    def beats(self) -> tuple[Heartbeat, ...]:
        """The last heartbeat of each worker of the newest generation."""
        return tuple(seen.beat for seen in self._seen.values())

    def begin(self, generation: int) -> None:
        """New workers are being started; heartbeats of earlier ones no longer count."""
        self._generation, self._seen = generation, {}
        self.mark_idle()

    def mark_idle(self) -> None:
        """The workers have nothing to do at the moment, or wait for the driver."""
        self._idle_since = self._clock()

    def record(self, generation: int, beat: Heartbeat) -> None:
        """Record a worker's heartbeat."""
        if generation != self._generation:
            return
        now, before = self._clock(), self._seen.get(beat.rank)
        progressed = before is None or _progressed(before.beat, beat)
        since = now if progressed or not before else before.progressed
        self._seen[beat.rank] = _LastSeen(beat, now, since)

    def leave(self, generation: int, rank: int) -> None:
        """A worker has ended as planned: expect no more heartbeats."""
        if generation == self._generation:
            self._seen.pop(rank, None)

    def stalled(self, patience: float) -> tuple[StalledWorker, ...]:
        """Return stalled workers: silent ones, else those that the other workers wait for.

        A job hangs when none of its workers has made progress for `patience` seconds. Then all of
        them wait for the one that has not begun the collective that the others are in.
        """
        return self._silent() or self._hanging(patience)

    def _silent(self) -> tuple[StalledWorker, ...]:
        now = self._clock()
        ages = {rank: now - seen.seen_at for rank, seen in self._seen.items()}
        silent = [rank for rank, age in ages.items() if age > SILENT_S]
        if len(silent) == len(ages) and any(ages[r] <= _ALL_SILENT * SILENT_S for r in silent):
            return ()
        return tuple(
            StalledWorker(self._seen[rank].beat, f"has sent no heartbeat for {ages[rank]:.0f} s")
            for rank in silent
        )

    def _hanging(self, patience: float) -> tuple[StalledWorker, ...]:
        progressed = (seen.progressed for seen in self._seen.values())
        idle = self._clock() - max([self._idle_since, *progressed])
        if idle <= patience or not self._seen:
            return ()
        return tuple(
            StalledWorker(beat, f"hangs: no progress for {idle:.0f} s, at {beat.position}")
            for beat in _delaying(self.beats)
        )


def _delaying(beats: Sequence[Heartbeat]) -> Sequence[Heartbeat]:
    """Return the workers that the rest waits for: those that have begun the fewest collectives.

    Where all have begun as many, as when a worker hangs within one, it is those that are not in a
    call that waits, and else those with the fewest steps.
    """
    fewest = _least(beats, [beat.collectives for beat in beats])
    if len(fewest) < len(beats):
        return fewest
    running = [beat for beat in beats if not beat.waits]
    if 0 < len(running) < len(beats):
        return running
    return _least(beats, [beat.steps for beat in beats])


def _least(beats: Sequence[Heartbeat], counts: Sequence[int]) -> list[Heartbeat]:
    least = min(counts)
    return [beat for beat, count in zip(beats, counts, strict=True) if count == least]


def _progressed(before: Heartbeat, now: Heartbeat) -> bool:
    """Whether a worker made progress: a batch, or any movement before the first batch."""
    return now.steps != before.steps or (now.steps == 0 and now.trace != before.trace)
