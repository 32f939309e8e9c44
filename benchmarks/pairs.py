"""Pairs of studies that share jobs, at once in one store: does each come to what it comes to alone?

python -m benchmarks.pairs [--pairs 20] [--seed 0] [--runner local|ray] [--back-end local|moto|...]

Two studies share none, half or all of their jobs. The second starts up to four seconds after the
first. At random either is killed with -9 or stopped as by Ctrl-C, and started again. In the end the
verdict, the family and the weights of each must be those of the study alone on a disk without Ray,
and a job may have a second attempt only where a driver was killed or stopped.
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
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path

from compound.jobs.store.artifacts import ArtifactStore
from tests.support.pairs import Came, attempts, came, run_words, written_spec
from tests.support.servers import BUCKET, Servers

SHARED: Mapping[str, tuple[int, Sequence[str]]] = {
    "all": (2, ()),
    "half": (4, ()),
    "none": (2, ("--set", "seed=9")),
}
"""Of the second study the seeds of a network, and more words, by how many jobs it shares."""
FATES = {None: 0.6, signal.SIGKILL: 0.25, signal.SIGINT: 0.15}
"""How often a driver is left alone, killed, and stopped."""
_OFFSET_S, _LIMIT_S = 4.0, 900.0
_UNTIL_S = {"local": 20.0, "ray": 60.0}
"""Seconds after its start by which a driver meets its fate: about as long as a study takes."""
_STOPPED = 130


@dataclass
class Counts:
    """What the pairs did."""

    pairs: int = 0
    interrupted: Counter[str] = field(default_factory=Counter)
    jobs: int = 0
    trained_again: int = 0
    """Attempts beyond the first of a job."""
    wrong: list[str] = field(default_factory=list)
    """What must not be, in words."""
    seconds: float = 0.0


@dataclass(frozen=True)
class Sweep:
    """Where pairs run, and with which runner."""

    folder: Path
    runner: str
    back_end: str
    address: str = ""
    """Of the Ray that all drivers join."""

    def uri(self) -> str:
        """Return the address of a new store."""
        name = secrets.token_hex(6)
        return str(self.folder / name) if self.back_end == "local" else f"s3://{BUCKET}/{name}"

    def driver(self, uri: str, name: str, seeds: int, more: Sequence[str]) -> subprocess.Popen[str]:
        """Start a driver."""
        spec = written_spec(self.folder, uri, seeds=seeds, epochs=8)
        words = run_words(spec, name, *self._runner(), *more)
        log = (self.folder / f"{name}.log").open("a")
        with log:
            return subprocess.Popen(
                [sys.executable, "-m", "compound", *words],
                stdout=log,
                stderr=log,
                text=True,
                start_new_session=True,
            )

    def _runner(self) -> Sequence[str]:
        where = ("--address", self.address) if self.address else ()
        return ("--runner", self.runner, *where)

    def alone(self, shared: str) -> Came:
        """Return what a study comes to in a store of its own."""
        uri, (seeds, more) = self.uri(), SHARED[shared]
        code = self.driver(uri, "alone", seeds, more).wait(_LIMIT_S)
        assert code == 0, (self.folder / "alone.log").read_text()[-3000:]
        return came(uri, "alone")


def one_pair(
    sweep: Sweep, shared: str, draw: random.Random, expected: Mapping[str, Came], counts: Counts
) -> None:
    """Run two studies at once, and compare each with itself alone."""
    uri, variants = sweep.uri(), {"one": "all", "two": shared}
    running: dict[str, subprocess.Popen[str]] = {}
    due: dict[str, tuple[float, signal.Signals]] = {}
    for name, variant in variants.items():
        running[name] = sweep.driver(uri, name, *SHARED[variant])
        fate = draw.choices([*FATES], [*FATES.values()])[0]
        if fate:
            due[name] = time.monotonic() + draw.uniform(1, _UNTIL_S[sweep.runner]), fate
        time.sleep(draw.uniform(0, _OFFSET_S) if name == "one" else 0)
    try:
        interrupted = _followed(sweep, uri, variants, running, due, counts)
    finally:
        for process in running.values():
            process.kill()
    _compare(uri, variants, expected, counts, interrupted)


def _followed(
    sweep: Sweep,
    uri: str,
    variants: Mapping[str, str],
    running: dict[str, subprocess.Popen[str]],
    due: dict[str, tuple[float, signal.Signals]],
    counts: Counts,
) -> int:
    """Interrupt drivers when it is due, start them again; return how often a driver ended so."""
    interrupted, limit = 0, time.monotonic() + _LIMIT_S
    while running:
        time.sleep(0.1)
        for name in [name for name, (at, _) in due.items() if at < time.monotonic()]:
            _, number = due.pop(name)
            if name in running and running[name].poll() is None:
                running[name].send_signal(number)
        for name, process in [*running.items()]:
            code = process.poll()
            if code is None and time.monotonic() < limit:
                continue
            del running[name]
            if code in (_STOPPED, -signal.SIGKILL):
                interrupted += 1
                counts.interrupted[signal.Signals(-code).name if code < 0 else "SIGINT"] += 1
                running[name] = sweep.driver(uri, name, *SHARED[variants[name]])
            elif code != 0:
                process.kill()
                counts.wrong.append(f"pair {counts.pairs}: {name} ended with {code}")
    return interrupted


def _compare(
    uri: str,
    variants: Mapping[str, str],
    expected: Mapping[str, Came],
    counts: Counts,
    interrupted: int,
) -> None:
    if any(line.startswith(f"pair {counts.pairs}:") for line in counts.wrong):
        return
    for name, variant in variants.items():
        result = came(uri, name)
        for part in ("verdict", "family", "weights"):
            if getattr(result, part) != getattr(expected[variant], part):
                counts.wrong.append(f"pair {counts.pairs}: another {part} of {name} ({variants})")
    left = [each.study for each in ArtifactStore.open(uri).reservations("").of_others()]
    counts.wrong += [f"pair {counts.pairs}: a reservation of {study} stays" for study in left]
    again = [number - 1 for number in attempts(uri).values()]
    counts.jobs += len(again)
    counts.trained_again += sum(again)
    # A driver trains at most two jobs at a time here.
    if sum(again) > 2 * interrupted:
        counts.wrong.append(f"pair {counts.pairs}: {sum(again)} attempts more, {interrupted} ends")


@contextmanager
def _reached(back_end: str, folder: Path) -> Iterator[None]:
    """Start a server of a back end, and set the environment for it."""
    servers = Servers(folder)
    try:
        if back_end != "local":
            os.environ.update(servers.get(back_end).environment)
        yield
    finally:
        servers.close()


def ray_for(runner: str) -> AbstractContextManager[str]:
    """Start a Ray for drivers that need one; its address, or nothing."""
    if runner == "local":
        return nullcontext("")
    from tests.support.own_ray import own_ray

    cluster: AbstractContextManager[str] = own_ray()
    return cluster


def main() -> int:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--pairs", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--runner", choices=("local", "ray"), default="local")
    parser.add_argument("--back-end", choices=("local", "moto", "s3rver", "swift"), default="local")
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="compound-pairs-"))
    draw, counts, began = random.Random(options.seed), Counts(), time.monotonic()
    expected = {shared: Sweep(folder, "local", "local").alone(shared) for shared in SHARED}
    with _reached(options.back_end, folder), ray_for(options.runner) as address:
        sweep = Sweep(folder, options.runner, options.back_end, address)
        for number in range(options.pairs):
            one_pair(sweep, [*SHARED][number % len(SHARED)], draw, expected, counts)
            counts.pairs += 1
            print(f"{counts.pairs} pairs, {len(counts.wrong)} wrong", file=sys.stderr, flush=True)
    counts.seconds = time.monotonic() - began
    if not counts.wrong:
        shutil.rmtree(folder)
    print(json.dumps(vars(counts), indent=1))
    return 1 if counts.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
