"""Progress of the training thread, read from another thread."""

import sys
import threading
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

from torch import distributed

_DEPTH = 12
"""Innermost frames to look at: the wait of a collective is a few calls deep."""

_COLLECTIVE_FILES = ("torch/distributed/", "jobs/parallel/collective.py")
_COLLECTIVE_CALLS = ("_engine_run_backward",)
"""Calls that wait for other ranks in C++: DDP reduces gradients in the backward pass."""


@dataclass(frozen=True)
class Reading:
    """State of a process's training thread at one moment."""

    steps: int
    """Micro-batches and validation batches of the running job, so far."""
    location: str
    """File, line and function that the thread is in, for people."""
    trace: int
    """Hash of the frames: it differs if the thread has moved on."""
    waits: bool
    """Whether it is inside a call that waits for other ranks. With NCCL it never is: a collective
    returns at once, and the thread waits in a later copy from the device."""
    collectives: int = 0
    """Collectives that the process has begun in the group of all ranks, so far."""


class ThreadProgress:
    """Counts the batches of the thread that made it; any thread may read it."""

    def __init__(self) -> None:
        self._thread = threading.get_ident()
        self._steps = 0

    def begin(self) -> None:
        """Start to count for a new job."""
        self._steps = 0

    def beat(self) -> None:
        """Count a batch."""
        self._steps += 1

    def read(self) -> Reading:
        """Read the training thread's state without stopping it."""
        frames = _innermost(sys._current_frames().get(self._thread))
        return Reading(
            steps=self._steps,
            location=_location(frames[0]) if frames else "a thread that has ended",
            trace=hash(tuple((frame.f_code, frame.f_lasti) for frame in frames)),
            waits=any(map(_is_collective, frames)),
            collectives=_collectives(),
        )


def _collectives() -> int:
    """Return torch's own count, which it raises as a collective begins; 0 without a group."""
    try:
        group: Any = distributed.group.WORLD
        return int(group._get_sequence_number_for_group()) if group is not None else 0
    except (RuntimeError, AttributeError):
        # The other thread is making or ending the group, or a later torch has no such count: the
        # method is private (torch 2.13).
        return 0


def _innermost(frame: FrameType | None) -> list[FrameType]:
    frames: list[FrameType] = []
    while frame is not None and len(frames) < _DEPTH:
        frames.append(frame)
        frame = frame.f_back
    return frames


def _location(frame: FrameType) -> str:
    code = frame.f_code
    return f"{Path(code.co_filename).name}:{frame.f_lineno}, in {code.co_qualname}"


def _is_collective(frame: FrameType) -> bool:
    code = frame.f_code
    named = any(part in code.co_filename for part in _COLLECTIVE_FILES)
    return named or code.co_name in _COLLECTIVE_CALLS
