"""A study on a network of the user: a module beside its spec."""

from itertools import count as numbers
from pathlib import Path

from compound.jobs.data.source import summarise
from compound.jobs.models.scaled import Networks
from compound.orchestrator.plan.search_jobs import plan_study
from compound.orchestrator.spec.load import load
from compound.schemas.plan import Plan

_UNIQUE = numbers()
NET = """
from torch import nn

def build(*, depth, width, resolution, num_classes, in_channels):
    CHECK
    channels = round(8 * width)
    layers = [nn.Conv2d(in_channels, channels, 3, 1, 1), nn.BatchNorm2d(channels), nn.ReLU()]
    for _ in range(round(2 * depth)):
        layers += [nn.Conv2d(channels, channels, 3, 1, 1), nn.ReLU()]
    pool = [nn.AdaptiveAvgPool2d(1), nn.Flatten()]
    return nn.Sequential(*layers, *pool, nn.Linear(channels, num_classes))
"""


SPEC = """\
kind: study
name: own
store: {store}
data: {{source: synthetic, images: 64, validation_images: 32, size: 8}}
baseline: {{factory: "{factory}", resolution: 8}}
search:
  design: {{kind: lattice, degree: 1}}
  budget: {{tolerance: 0.2}}
  seeds: 1
  recipe_check: false
family: {{phi: [1]}}
train: {{epochs: 1, batch: 32}}
resources: {{search: {{gpus: 0}}, family: {{workers: 2, gpus: 0}}}}
"""


def write(folder: Path, text: str = NET, spec: str = SPEC) -> Path:
    """Write a module of a name that no other test imports, and the spec that names it."""
    name = f"own_study_{next(_UNIQUE)}"
    (folder / f"{name}.py").write_text(text.replace("CHECK", "pass"))
    path = folder / "own.yaml"
    path.write_text(spec.format(store=folder / "runs", factory=f"{name}:build"))
    return path


def planned(path: Path, *overrides: str) -> tuple[Plan, Networks]:
    spec = load(path, overrides).spec
    networks = Networks((str(path.parent),))
    return plan_study(spec, summarise(spec.data), networks=networks), networks
