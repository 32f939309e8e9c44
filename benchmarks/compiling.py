"""What torch.compile takes and what it saves: the constants of orchestrator/plan/compile_choice.py.

    python -m benchmarks.compiling [--steps 8] [--rounds 5] [--threads 1] [--kind cpu] [--only NAME]

A network's plain and compiled steps take turns in one process, after the compiled one's first step,
which waits for the compiler: its caches are off. Compiling is told in wall time and, on a machine
that does other things too, in CPU time of this process and the compilers that it starts. Steps are
in CPU time on a CPU and in wall time on a GPU, where everything is waited for.
"""

import argparse
import os
import resource
import statistics
import time
from collections.abc import Callable
from itertools import cycle

os.environ.setdefault("TORCHINDUCTOR_FORCE_DISABLE_CACHES", "1")
os.environ.setdefault("TORCHINDUCTOR_COMPILE_THREADS", "1")

import torch

from compound.jobs.data.batches import Feeder
from compound.jobs.data.source import summarise
from compound.jobs.networks.named import NETWORKS
from compound.jobs.networks.workload import workload
from compound.jobs.run_job import Process
from compound.jobs.training.data_cache import DataCache
from compound.jobs.training.loop.trainer import Trainer
from compound.schemas.architecture import Architecture
from compound.schemas.data import SyntheticData
from compound.schemas.job import DataRef, TrainJob
from compound.schemas.recipe import Recipe
from tests.support.small_network import SMALL


def _at(name: str, resolution: int) -> Architecture:
    update = {"resolution": resolution, "num_classes": 10}
    return NETWORKS[name].model_copy(update=update)


CASES = {
    "cpu": {
        "small, 32 px": (SMALL, 64),
        "resnet-18, 64 px": (_at("resnet-18", 64), 16),
        "mobilenet-v2, 64 px": (_at("mobilenet-v2", 64), 16),
        "efficientnet-b0, 64 px": (_at("efficientnet-b0", 64), 16),
    },
    "cuda": {
        "mobilenet-v2, 224 px": (_at("mobilenet-v2", 224), 256),
        "resnet-50, 224 px": (_at("resnet-50", 224), 256),
        "efficientnet-b0, 224 px": (_at("efficientnet-b0", 224), 256),
    },
}


def stepper(
    network: Architecture, batch: int, process: Process, compiled: bool
) -> Callable[[], None]:
    """Return what takes one optimiser step more each time."""
    pixels, images = network.resolution, 2 * batch
    spec = SyntheticData(
        source="synthetic", images=images, validation_images=8, num_classes=10, size=pixels
    )
    data = DataRef(spec=spec, fingerprint=summarise(spec).fingerprint)
    precision = "float32" if process.device.type == "cpu" else "bfloat16"
    recipe = Recipe(epochs=1000, batch=batch, compile=compiled, precision=precision)
    job = TrainJob(architecture=network, recipe=recipe, data=data)
    feeder = Feeder(DataCache().at(data, pixels), recipe.augment, process.device)
    made = Trainer(job, feeder, process)
    made.connect()
    made.module.train()
    batches = cycle(list(feeder.training(0, 1, made._share)))
    sums = torch.zeros(2, dtype=torch.float64, device=process.device)
    loss = torch.zeros((), device=process.device)
    return lambda: made.step(0, batches, sums, loss)


def _cpu_time() -> float:
    usages = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def timed(step: Callable[[], None], steps: int, kind: str) -> float:
    """Return the seconds of one of so many steps."""
    clock = time.process_time if kind == "cpu" else time.perf_counter
    if kind == "cuda":
        torch.cuda.synchronize()
    started = clock()
    for _ in range(steps):
        step()
    if kind == "cuda":
        torch.cuda.synchronize()
    return (clock() - started) / steps


def measure(case: str, network: Architecture, batch: int, options: argparse.Namespace) -> None:
    """Print one network's line."""
    process = Process.single(options.threads, options.kind)
    plain, compiled = (stepper(network, batch, process, on) for on in (False, True))
    plain()
    wall, used = time.perf_counter(), _cpu_time()
    compiled()
    wall, used = time.perf_counter() - wall, _cpu_time() - used
    compiled()
    pairs = [
        (timed(plain, options.steps, options.kind), timed(compiled, options.steps, options.kind))
        for _ in range(options.rounds)
    ]
    savings = sorted(1 - fast / slow for slow, fast in pairs)
    slow, fast = (1e3 * statistics.median(side) for side in zip(*pairs, strict=True))
    layers = workload(network).layers
    print(
        f"{case:24} {layers:3} layers: compiling {wall:.0f} s ({used:.0f} s CPU, "
        f"{used / layers:.2f} s a layer); step {slow:.0f} -> {fast:.0f} ms, saves "
        f"{statistics.median(savings):.0%} ({savings[0]:.0%} to {savings[-1]:.0%})",
        flush=True,
    )


def main() -> None:
    """Measure every network of a kind of device."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name, default in (("steps", 8), ("rounds", 5), ("threads", 1)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--kind", choices=sorted(CASES), default="cpu")
    parser.add_argument("--only", default="", help="networks whose names begin so")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    for case, (network, batch) in CASES[options.kind].items():
        if case.startswith(options.only):
            measure(case, network, batch, options)


if __name__ == "__main__":
    main()
