"""Starts and ends of drivers, of all kinds: what stays behind?

python -m benchmarks.ends [--starts 60] [--seed 0] [--runner local|ray] [--two 0.25]

Each start is a study of one tiny job, which ends by itself, is stopped or killed at a random time,
loses a rank, or has code of the user's that fails. Afterwards the processes, folders for temporary
files, shared memory and, on Ray, actors, placement groups and demands must be as before, within
some seconds; the folder of a killed driver is removed by the next start.
"""

import argparse
import json
import os
import random
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.pairs import ray_for
from tests.support import leftovers
from tests.support.brief_runs import Fate, shuffled, words, written
from tests.support.forked import Forked, forked

_LIMIT_S = 300.0
_GONE_S = {"local": 5.0, "ray": 30.0}
"""Seconds after a driver's end within which all that it had must be gone."""
_UNTIL_S = {"local": 4.0, "ray": 25.0}
"""Seconds after a driver's start by which it gets a signal, or one of its ranks dies."""
_MORE_WORKERS = 8.0
"""Seconds later with two workers, whose launcher and ranks start anew."""


@dataclass
class Ends:
    """What the starts left."""

    starts: int = 0
    ended: Counter[str] = field(default_factory=Counter)
    """By fate, workers and exit code."""
    descriptors: dict[str, list[int]] = field(default_factory=dict)
    """Open files of processes that live on, after the first starts and in the end."""
    stayed: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    """Other exit codes than the fate should have."""
    seconds: float = 0.0


@dataclass(frozen=True)
class Place:
    """Where the drivers run."""

    folder: Path
    runner: str
    address: str = ""

    def start(self, fate: Fate, workers: int, number: int) -> AbstractContextManager[Forked]:
        """Start a driver, with a mark that its processes inherit."""
        spec = written(self.folder, str(self.folder / "runs"), fate, workers)
        where = ("--address", self.address) if self.address else ()
        command = words(spec, number, "--runner", self.runner, *where)
        environment = {leftovers.MARK: self.mark(number), "TMPDIR": str(self.temporary)}
        driver: AbstractContextManager[Forked]
        driver = forked("compound", *command, environment=environment)
        return driver

    def mark(self, number: int) -> str:
        """Return the mark of a start."""
        return f"{self.folder.name}-{number}"

    @property
    def temporary(self) -> Path:
        """The folder for temporary files of all drivers."""
        return self.folder / "tmp"

    def folders_left(self) -> list[str]:
        """Return what lies in the folder for temporary files."""
        names = sorted(path.name for path in self.temporary.iterdir())
        # torch's cache of compiled code: each user has one, and each process uses it again.
        return [name for name in names if not name.startswith("torchinductor_")]

    def held(self) -> set[str]:
        """Return what is held on Ray."""
        if not self.address:
            return set()
        from tests.support.ray_state import held

        all_held: set[str] = held(self.address)
        return all_held


def one_end(place: Place, fate: Fate, workers: int, draw: random.Random, ends: Ends) -> None:
    """Start a driver, let it meet its fate, and look at what stays."""
    before, shared, number = place.held(), leftovers.shared_memory(), ends.starts
    with place.start(fate, workers, number) as driver:
        due = draw.uniform(0, _UNTIL_S[place.runner] + _MORE_WORKERS * (workers > 1))
        _meet(place, fate, driver, number, due)
        code = _waited(driver)
    ends.ended[f"{fate.name}, workers: {workers}, code: {code}"] += 1
    name = f"start {number} ({fate.name}, {workers} workers)"
    if code not in fate.codes and not (fate.signals and code == 0):
        ends.wrong.append(f"{name} ended with {code}: {driver.stderr[-500:]}")
    for stayed in _staying(place, number, before, shared):
        ends.stayed.append(f"{name}: {stayed}")
    if code >= 0 and code != 3:
        ends.stayed += [f"{name}: folder {left}" for left in place.folders_left()]


def _waited(driver: Forked) -> int:
    """Return a driver's exit code; -9 where it had to be killed since it did not end."""
    try:
        code: int = driver.wait(_LIMIT_S)
    except subprocess.TimeoutExpired:
        driver.kill()
        code = driver.wait()
    return code


def _meet(place: Place, fate: Fate, driver: Forked, number: int, due: float) -> None:
    """Send a driver its signals, or kill one of its ranks, when it is due."""
    end = time.monotonic() + due
    if fate.rank_dies:
        while not (ranks := _ranks(place, number)) and driver.poll() is None:
            time.sleep(0.1)
        if ranks:
            time.sleep(min(due, 2.0))
            with suppress(ProcessLookupError):
                os.kill(ranks[-1], signal.SIGKILL)
        return
    while fate.signals and driver.poll() is None and time.monotonic() < end:
        time.sleep(0.05)
    for count, each in enumerate(fate.signals):
        time.sleep(0.5 * bool(count))
        driver.send_signal(each)


def _ranks(place: Place, number: int) -> list[int]:
    """Return the processes of a job's ranks."""
    if place.address:
        from tests.support.ray_state import worker_processes

        workers: list[int] = worker_processes(place.address)
        return workers
    started = leftovers.processes(place.mark(number))
    return [pid for pid, command in started.items() if "compound.jobs" in command]


def _staying(place: Place, number: int, before: set[str], shared: set[str]) -> list[str]:
    """Wait until all is as before, as long as that may take; return what is not."""
    end, mark = time.monotonic() + _GONE_S[place.runner], place.mark(number)
    while left := _more(place, mark, before, shared):
        if time.monotonic() > end:
            break
        time.sleep(0.5)
    for pid in leftovers.processes(mark):
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    return left


def _more(place: Place, mark: str, before: set[str], shared: set[str]) -> list[str]:
    """Return what there is more than before."""
    processes = leftovers.processes(mark)
    return [
        *(f"process {pid}: {command[:120]}" for pid, command in processes.items()),
        *(f"shared memory {name}" for name in leftovers.shared_memory() - shared),
        *sorted(place.held() - before),
    ]


def _descriptors(ends: Ends) -> None:
    """Note how many files are open in this process and in those that it has started."""
    for pid in (os.getpid(), *leftovers.descendants(os.getpid())):
        name = leftovers.name(pid)
        if "ray::" not in name:
            ends.descriptors.setdefault(f"{name} {pid}", []).append(leftovers.descriptors(pid))


def main() -> int:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--starts", type=int, default=60)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--runner", choices=("local", "ray"), default="local")
    parser.add_argument("--two", type=float, default=0.25, help="share of jobs with two workers")
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix=f"ends-{secrets.token_hex(4)}-"))
    ends, draw, began = Ends(), random.Random(options.seed), time.monotonic()
    with ray_for(options.runner) as address:
        place = Place(folder, options.runner, address)
        place.temporary.mkdir()
        for fate in shuffled(options.starts, draw):
            one_end(place, fate, 2 if draw.random() < options.two else 1, draw, ends)
            ends.starts += 1
            if ends.starts in (5, options.starts):
                _descriptors(ends)
            counts = f"{len(ends.stayed)} things stayed, {len(ends.wrong)} wrong"
            last = (ends.stayed + ends.wrong)[-1:]
            print(f"{ends.starts} starts, {counts}", *last, file=sys.stderr, flush=True)
    ends.seconds = time.monotonic() - began
    if not (ends.stayed or ends.wrong):
        shutil.rmtree(folder)
    print(json.dumps(vars(ends), indent=1))
    return 1 if ends.stayed or ends.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
