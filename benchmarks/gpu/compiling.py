"""Part 7: what compiling takes and saves, and whether the tenth network is compiled like the first.

B0 is compiled in two processes, by one thread and by eight, while this one compiles small networks.
"""

import json
import os
import subprocess
import sys
import tempfile
from typing import Any

import torch

from compound.schemas.architecture import Architecture
from compound.schemas.job import TrainJob
from compound.schemas.stages import Stage, Stem
from tests.support.gpu_session.host_waits import waits_of
from tests.support.gpu_session.recorder import Recorder
from tests.support.gpu_session.subjects import Bench, job_of, named, steps_of, trained, trainer_of

NETWORKS = 10
THREADS = (8, 1)


def measure(bench: Bench, recorder: Recorder) -> None:
    """Compile small networks in this process, and B0 in others at the same time."""
    os.environ["TORCHINDUCTOR_COMPILE_THREADS"] = str(len(os.sched_getaffinity(0)))
    children = {threads: _child(bench, threads) for threads in bench.pick(THREADS, (1,))}
    try:
        _small(bench, recorder)
        _waits(bench, recorder)
        for threads, child in children.items():
            output, errors = child.communicate()
            lines = [line for line in output.splitlines() if line.startswith("{")]
            name = f"compiling by {threads} threads"
            if lines:
                recorder.tell(name, json.loads(lines[-1]), "5.2 s a layer, saves 34 %")
            else:
                recorder.tell(name, errors[-300:], "a time", ok=False)
    finally:
        for child in children.values():
            child.kill()


def _child(bench: Bench, threads: int) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "benchmarks.gpu.first_compiled", bench.kind, str(threads)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def small(number: int) -> Architecture:
    """Return a network of its own shape: a layer more for every second one, wider in between."""
    stages = tuple(Stage(channels=8 * (1 + number % 2)) for _ in range(1 + number // 2))
    return Architecture(resolution=16, num_classes=4, stem=Stem(channels=8), stages=stages, head=16)


def jobs(bench: Bench) -> list[TrainJob]:
    """Return all jobs of this part, those of its other processes too."""
    return [*many(bench), updated(), *sides(bench).values()]


def many(bench: Bench) -> list[TrainJob]:
    """Return jobs on networks that are compiled one after another."""
    return [
        job_of(small(number), 64, epochs=1, batch=32, compile=True)
        for number in range(bench.pick(NETWORKS, 2))
    ]


def updated() -> TrainJob:
    """Return a job whose optimiser is compiled."""
    recipe: dict[str, Any] = {"optimizer": "rmsprop", "learning_rate": 0.01, "compile": True}
    return job_of(small(0), 64, batch=8, **recipe)


def sides(bench: Bench) -> dict[str, TrainJob]:
    """Return the same job plain and compiled."""
    network = named("efficientnet-b0", 224) if bench.cuda else small(0)
    batch, precision = bench.pick((256, "bfloat16"), (32, "float32"))
    return {
        name: job_of(network, 2 * batch, batch=batch, precision=precision, compile=compiled)
        for name, compiled in (("plain", False), ("compiled", True))
    }


def _small(bench: Bench, recorder: Recorder) -> None:
    """Train networks one after another; count those for which a graph was compiled."""
    from torch._dynamo.utils import counters

    graphs, left = [], []
    with tempfile.TemporaryDirectory() as folder:
        for job in many(bench):
            before = counters["stats"]["unique_graphs"]
            status = trained(job, bench, folder).status
            made = counters["stats"]["unique_graphs"] - before
            graphs.append(made if status == "done" else status)
            left.append(bench.allocated())
    compiled = sum(isinstance(count, int) and count > 0 for count in graphs)
    recorder.tell("networks compiled", compiled, f"{len(graphs)}", compiled == len(graphs))
    recorder.tell("graphs by network", graphs)
    recorder.tell("bytes held after each", left, "the same")


def _waits(bench: Bench, recorder: Recorder) -> None:
    """Count waits of the compiled optimiser, which the paper's recipe has."""
    step = steps_of(trainer_of(updated(), bench.process))
    for _ in range(3):
        step()
    waits = waits_of(bench, step, 5)
    recorder.tell("compiled RMSProp: waits a step", sum(waits.values()) / 5, "0")
    if waits:
        recorder.tell("compiled RMSProp: by line", dict(waits.most_common(5)))
    torch._dynamo.reset()
