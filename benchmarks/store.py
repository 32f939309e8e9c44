"""The store beside what people keep numbers in: mlflow, TensorBoard's event files, Optuna.

    python -m pip install --target PEERS mlflow-skinny sqlalchemy alembic tensorboard optuna
    python -m benchmarks.store --peers PEERS [--parts scalars records reading step status]

PEERS is a folder of its own, looked into after the environment's packages, since the peers would
change some of these. Sides take turns in one process, A, B, A, B; medians are shown with the least
and the most. Everything is written below --folder, which should be a disk, since what is compared
is what a disk has acknowledged:

scalars: rows of 20 metrics. Ours: `log` of each and the `finish` that syncs. mlflow on sqlite:
`log_metrics` of each, a transaction that syncs; and 1,000 values a `log_batch`, its limit.
TensorBoard: `add_scalar` of each value, then flush and an fsync of the file. So all are durable in
the end, and what was not yet synced outlives a killed process with ours and mlflow's, while
TensorBoard's writer holds it in memory for as long as two minutes.
records: a trial or job with its parameters, one value reported, its result; by 16 threads and by
one. Optuna: `ask`, `report` and `tell` on sqlite and on its journal file. Ours: the study's
records, which is where our driver keeps the same, a line in the roster and three events, the last
of them durable on return like Optuna's. Beside it, without a goal since no peer has its like: what
the job's own worker does, a folder with claim, live stream, rows and three sealed commits.
reading: one metric of 100 jobs of 5,000 rows of 20, ten million points in all. TensorBoard's
EventAccumulator reads --runs files of 100, and the time is multiplied.
step: a training step with 20 scalars logged in each, by the share that logging takes of it.
status: of the study of 10,100 jobs of benchmarks/scale.py with a row for each of 100 epochs: the
command from start to end, what it takes once imported, opening the store, and the most memory.

Goals: scalars 50 and 5 times mlflow and TensorBoard; records 50 and 3 times Optuna's; reading 0.3 s
and 100 times TensorBoard; step 0.5 %; status and open 1 s, 500 MB.
"""

import argparse
import os
import shutil
import statistics
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from benchmarks import store_sides as sides

Turn = Callable[[Path], float]
"""One measurement of one side in an empty folder: a rate, or seconds."""


@dataclass(frozen=True)
class Goal:
    """By how much our median is to be better than a peer's."""

    peer: str
    times: float


def in_turns(folder: Path, rounds: int, turns: Mapping[str, Turn]) -> dict[str, list[float]]:
    """Measure every side once a round; a first round warms up and is not counted."""
    measured: dict[str, list[float]] = {name: [] for name in turns}
    for number in range(rounds + 1):
        for name, turn in turns.items():
            side_folder = Path(tempfile.mkdtemp(dir=folder))
            value = turn(side_folder)
            shutil.rmtree(side_folder, ignore_errors=True)
            if number:
                measured[name].append(value)
    return measured


def show(measured: Mapping[str, Sequence[float]], unit: str, form: str = ",.0f") -> None:
    """Print medians with their extremes."""
    for name, values in measured.items():
        middle = format(statistics.median(values), form)
        spread = f"{format(min(values), form)} to {format(max(values), form)}"
        print(f"  {name:44} {middle:>12}  ({spread}) {unit}", flush=True)


def judge(label: str, value: float, goal: float, unit: str, *, most: bool = False) -> None:
    """Print a figure beside its goal."""
    good = value <= goal if most else value >= goal
    side = "at most" if most else "at least"
    verdict = "" if good else "  MISSED"
    print(f"  {label:44} {value:12.3g} {unit}, goal {side} {goal:g}{verdict}", flush=True)


def compared(
    measured: Mapping[str, Sequence[float]], goals: Sequence[Goal], *, seconds: bool = False
) -> None:
    """Print how many times better our first side's median is than each peer's."""
    medians = {name: statistics.median(values) for name, values in measured.items()}
    ours = next(iter(measured))
    for goal in goals:
        ratio = medians[ours] / medians[goal.peer]
        judge(f"{ours} / {goal.peer}", 1 / ratio if seconds else ratio, goal.times, "x")


def scalars(folder: Path, rounds: int, rows: int) -> None:
    """Durable scalars per second."""
    print(f"scalars made durable, rows of {sides.METRICS}")
    turns: dict[str, Turn] = {
        "compound": lambda at: sides.log_compound(at, rows),
        "mlflow, log_metrics": lambda at: sides.log_mlflow(at, max(rows // 50, 5)),
        "mlflow, log_batch": lambda at: sides.log_mlflow(at, max(rows // 5, 50), sides.BATCH),
        "tensorboard": lambda at: sides.log_tensorboard(at, rows),
    }
    measured = in_turns(folder, rounds, turns)
    show(measured, "a second")
    compared(measured, [Goal("mlflow, log_metrics", 50), Goal("tensorboard", 5)])
    compared(measured, [Goal("mlflow, log_batch", 1)])


def records(folder: Path, rounds: int, count: int) -> None:
    """Job records per second."""
    print("records of jobs: parameters, one value, the result")
    few, journal = max(count // 10, 10), partial(sides.record_optuna, kind="journal")
    for threads in (16, 1):
        turns: dict[str, Turn] = {
            "compound": partial(sides.record_compound, count=count, threads=threads),
            "optuna, sqlite": partial(sides.record_optuna, count=few, threads=threads),
            "optuna, journal": partial(journal, count=count, threads=threads),
            "compound, a folder each": partial(sides.carry_compound, count=few, threads=threads),
        }
        measured = in_turns(folder, rounds, turns)
        show({f"{name}, {threads} threads": rates for name, rates in measured.items()}, "a second")
        compared(measured, [Goal("optuna, sqlite", 50), Goal("optuna, journal", 3)])


def reading(folder: Path, rounds: int, rows: int, runs: int) -> None:
    """Seconds to read one metric of a hundred jobs."""
    jobs = sides.JOBS
    points = jobs * rows * sides.METRICS
    print(f"one metric of {jobs} jobs, of {points:,} points; tensorboard's {runs} runs multiplied")
    sides.fill_compound(folder / "ours", rows)
    sides.fill_tensorboard(folder / "events", rows, runs)
    measured = in_turns(
        folder,
        rounds,
        {
            "compound": lambda at: sides.read_compound(folder / "ours"),
            "tensorboard": lambda at: sides.read_tensorboard(folder / "events") * jobs / runs,
        },
    )
    show(measured, "s", ".3f")
    compared(measured, [Goal("tensorboard", 100)], seconds=True)
    judge("compound", statistics.median(measured["compound"]), 0.3, "s", most=True)


def step(folder: Path, rounds: int, steps: int) -> None:
    """The share of a training step that twenty scalars take."""
    print(f"cost to a step of {sides.METRICS} scalars")
    stepping = sides.Stepping()
    measured = in_turns(
        folder,
        rounds,
        {
            "a step that logs nothing, ms": lambda at: stepping.take(steps),
            "a step that logs, ms": lambda at: stepping.take(steps, at),
            "the logging itself, ms": lambda at: stepping.log(at, steps),
        },
    )
    show(measured, "ms", ".3f")
    alone, _, logging = (statistics.median(values) for values in measured.values())
    judge("logging / step", 100 * logging / alone, 0.5, "%", most=True)


def status(folder: Path, rounds: int, step_size: str) -> None:
    """What a large study's status takes."""
    from benchmarks import store_status

    store_status.measure(folder, rounds, step_size, show, judge)


def main() -> None:
    """Print all figures."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    every = ("scalars", "records", "reading", "step", "status")
    parser.add_argument("--parts", nargs="+", choices=every, default=every)
    parser.add_argument("--peers", type=Path, help="where the peers were installed")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--rows", type=int, default=5000, help="rows of 20 a turn or a job")
    parser.add_argument("--records", type=int, default=1000)
    parser.add_argument("--runs", type=int, default=2, help="event files that are read")
    parser.add_argument("--steps", type=int, default=50)
    parser.add_argument("--grid", default="", help="of the study, by default for 10,100 jobs")
    parser.add_argument("--folder", type=Path, default=Path(), help="on a disk; default: here")
    options = parser.parse_args()
    if options.peers:
        sys.path.append(str(options.peers))
    os.environ.setdefault("MLFLOW_ENABLE_ASYNC_LOGGING", "false")
    with tempfile.TemporaryDirectory(dir=options.folder, prefix=".store-") as name:
        folder, rounds = Path(name).resolve(), options.rounds
        parts: dict[str, Callable[[], None]] = {
            "scalars": lambda: scalars(folder, rounds, options.rows),
            "records": lambda: records(folder, rounds, options.records),
            "reading": lambda: reading(folder, rounds, options.rows, options.runs),
            "step": lambda: step(folder, rounds, options.steps),
            "status": lambda: status(folder, rounds, options.grid),
        }
        for part in options.parts:
            parts[part]()


if __name__ == "__main__":
    main()
