"""What is counted on the stand-in for a device, and where in the project it was done."""

import sys
from collections import Counter
from pathlib import Path
from types import FrameType
from typing import NamedTuple

ROOT = f"{Path(__file__).parents[2]}/compound/"
_OURS = tuple(f"{ROOT}{folder}/" for folder in ("jobs", "cluster", "orchestrator"))
_TRAINER = "/jobs/training/loop/trainer.py"
_LOOPS = {"train": "training", "_validate": "evaluation"}
"""The methods of a trainer that go over batches, and what is said of them."""
_PHASES = {
    "data": ("jobs/data/",),
    "forward": ("jobs/models/", "jobs/training/loop/batch_norm.py", "jobs/training/loop/loss.py"),
    "update": ("jobs/training/optimiser/", "jobs/parallel/flat_parameters.py"),
}


class Spot(NamedTuple):
    """Where in the project something was done."""

    loop: str
    """Which loop over batches it was in: of training, of evaluation, or none."""
    line: str
    """The innermost line of the project; autograd's own threads have none."""


class Tally:
    """What was counted."""

    def __init__(self) -> None:
        self.mixed: Counter[tuple[str, Spot]] = Counter()
        """Operations on tensors of both devices, by name and where."""
        self.waits: Counter[tuple[str, Spot]] = Counter()
        """What held the host up, by kind and where."""
        self.copies: Counter[Spot] = Counter()
        """Copies between host and device that held nobody up."""
        self.operations: Counter[tuple[str, Spot]] = Counter()
        """Operations on the device, by name and where."""

    def waits_in(self, *loops: str) -> int:
        """Return how often the host was held up in some loops."""
        return sum(n for (_, spot), n in self.waits.items() if spot.loop in loops)

    def phases(self) -> dict[str, int]:
        """Return the operations of training by what they belong to."""
        totals: Counter[str] = Counter()
        for (_, spot), count in self.operations.items():
            if spot.loop == "training":
                totals[_phase(spot.line)] += count
        return dict(totals)


def current_spot() -> Spot:
    """Return where in the project the caller's work was asked for."""
    frame: FrameType | None = sys._getframe(1)
    line, loop = "", ""
    while frame is not None and not loop:
        code = frame.f_code
        if code.co_filename.startswith(_OURS):
            line = line or f"{code.co_filename.removeprefix(ROOT)}:{frame.f_lineno}"
            if code.co_filename.endswith(_TRAINER):
                loop = _LOOPS.get(code.co_name, "")
        frame = frame.f_back
    return Spot(loop, line) if line else Spot("training", "backward")


def _phase(line: str) -> str:
    if line == "backward":
        return line
    return next((name for name, paths in _PHASES.items() if line.startswith(paths)), "loop")
