"""How long the compiler takes with so many threads, and what it saves: one line of JSON.

python -m benchmarks.gpu.first_compiled KIND THREADS
"""

import json
import os
import sys
import time

os.environ["TORCHINDUCTOR_FORCE_DISABLE_CACHES"] = "1"
os.environ["TORCHINDUCTOR_COMPILE_THREADS"] = sys.argv[2]

from benchmarks.gpu import compiling
from benchmarks.gpu.steps import profiled
from compound.jobs.networks.workload import workload
from tests.support.gpu_session.subjects import Bench, in_turns, steps_of, trainer_of


def main() -> None:
    """Compile B0's step, and time it beside the plain one."""
    bench = Bench.of(sys.argv[1])
    jobs = compiling.sides(bench)
    sides = {
        name: steps_of(trainer_of(job, bench.process), fixed=True) for name, job in jobs.items()
    }
    sides["plain"]()
    bench.synchronize()
    started = time.perf_counter()
    sides["compiled"]()
    bench.synchronize()
    seconds = time.perf_counter() - started
    layers = workload(jobs["plain"].architecture).layers
    figures: dict[str, float] = {"seconds": seconds, "a layer": seconds / layers}
    sys.stdout.write(json.dumps(figures) + "\n")
    sys.stdout.flush()
    times = in_turns(bench, sides, 5, bench.pick(5, 2))
    figures["saves"] = 1 - times["compiled"] / times["plain"]
    figures["kernels a step"] = profiled(bench, sides["compiled"]).kernels
    sys.stdout.write(json.dumps(figures) + "\n")


if __name__ == "__main__":
    main()
