"""Two seconds of training on one device, to check that it computes; the result is JSON.

    python -m compound.jobs.host.device_trial cuda:0

It runs as a child process, which a broken device may hang or end.
"""

import math
import sys

import torch

from compound.jobs.parallel.failure import classify
from compound.jobs.parallel.process import Process
from compound.jobs.probe.step_timing import Case, measure
from compound.jobs.wording.plain_streams import open_streams
from compound.schemas.architecture import Architecture
from compound.schemas.machine.host import Trial
from compound.schemas.stages import Stage, Stem

_NETWORK = Architecture(
    resolution=32,
    stem=Stem(channels=16),
    stages=(Stage(channels=16), Stage(channels=32, stride=2, expand=4)),
    head=64,
)
_SECONDS = 2.0


def trial(device: str) -> Trial:
    """Train and evaluate a small network on a device; a failure is classified like a job's."""
    try:
        process = Process.single(1, device)
        if process.device.type == "cuda":
            torch.cuda.set_device(process.device)
        case = Case(name="trial", network=_NETWORK, images=32, seconds=_SECONDS)
        measured = measure(case, process)
    except Exception as error:
        cause = classify(error)
        text = " ".join(cause.message.split())[:300]
        return Trial(device=device, kind=cause.kind, error=text)
    return Trial(device=device, steps=1 / measured.seconds if measured.seconds else math.inf)


if __name__ == "__main__":
    open_streams()
    sys.stdout.write(trial(sys.argv[1]).model_dump_json(ensure_ascii=True) + "\n")
