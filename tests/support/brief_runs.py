"""A study of one tiny job on a network of the user's, and the ways in which its driver may end."""

import random
import signal
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

SPEC = """\
kind: train
name: brief
store: {store}
data: {{source: synthetic, images: 64, validation_images: 32, size: 8}}
baseline: {{factory: "{module}:build", resolution: 8}}
coefficients: {{alpha: 1.2, beta: 1.1, gamma: 1.1}}
phi: 1
train: {{epochs: {epochs}, batch: 32}}
retries: {{error: 0, lost_worker: {retries}}}
resources: {{workers: {workers}, gpus: 0}}
"""

NET = """
import os
import signal
from torch import nn

class Fails(nn.Module):
    calls = 0

    def forward(self, x):
        self.calls += self.training and not x.is_meta
        if self.calls > 5:
            {fails}
        return x

def build(*, depth, width, resolution, num_classes, in_channels):
    channels = round(8 * width)
    layers = [Fails(), nn.Conv2d(in_channels, channels, 3, 1, 1), nn.BatchNorm2d(channels)]
    layers += [nn.Conv2d(channels, channels, 3, 1, 1) for _ in range(round(2 * depth))]
    pool = [nn.AdaptiveAvgPool2d(1), nn.Flatten()]
    return nn.Sequential(*layers, *pool, nn.Linear(channels, num_classes))
"""

_SHORT, _SOME, _LONG = 3, 200, 1000


@dataclass(frozen=True)
class Fate:
    """How a driver ends."""

    name: str
    fails: str = "pass"
    """What the network does after a few steps."""
    signals: Sequence[signal.Signals] = ()
    """What the driver gets, once it has begun."""
    rank_dies: bool = False
    """Whether one of the job's own processes is killed, where it has any."""
    codes: Sequence[int] = (0,)
    """Exit codes that say the truth."""

    @property
    def epochs(self) -> int:
        """Epochs of the job: more than it can reach where it is interrupted."""
        return _LONG if self.signals else _SOME if self.rank_dies else _SHORT


FATES = (
    Fate("normal"),
    Fate("Ctrl-C", signals=(signal.SIGINT,), codes=(130,)),
    Fate("Ctrl-C twice", signals=(signal.SIGINT, signal.SIGINT), codes=(130, -signal.SIGINT)),
    # Before its handler is there, a signal ends a process as it ends any other.
    Fate("SIGTERM", signals=(signal.SIGTERM,), codes=(130, -signal.SIGTERM)),
    Fate("kill -9", signals=(signal.SIGKILL,), codes=(-signal.SIGKILL,)),
    Fate("rank dies", rank_dies=True, codes=(0,)),
    Fate("code raises", fails="raise ValueError('of the user')", codes=(1,)),
    Fate("code exits", fails="os._exit(3)", codes=(1, 3)),
    Fate("code crashes", fails="os.kill(os.getpid(), signal.SIGSEGV)", codes=(1, -11)),
)


def written(folder: Path, store: str, fate: Fate, workers: int) -> Path:
    """Write the spec of a run, and its network beside it."""
    module = f"net_{fate.name.replace(' ', '_').replace('-', '_').lower()}"
    (folder / f"{module}.py").write_text(NET.format(fails=fate.fails))
    path = folder / f"{module}-{workers}.yaml"
    values = {"store": store, "module": module, "epochs": fate.epochs, "workers": workers}
    path.write_text(SPEC.format(retries=int(fate.rank_dies), **values))
    return path


def words(spec: Path, number: int, *more: str) -> Sequence[str]:
    """Return the words after `compound`: each run is a study of its own, with a job of its own."""
    own = ("--set", f"name=run-{number}", "--set", f"seed={number}")
    return ("run", str(spec), *own, "--no-report", "--allow-import", *more)


def shuffled(count: int, draw: random.Random) -> Sequence[Fate]:
    """Return so many fates, each as often as the others, in a random order."""
    fates = [FATES[number % len(FATES)] for number in range(count)]
    draw.shuffle(fates)
    return fates
