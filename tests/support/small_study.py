"""A small study without Ray: its spec, a run of it, and the command."""

from pathlib import Path

from compound.cluster.local_runner import LocalRunner
from compound.cluster.runner import Runner
from compound.jobs.data.source import inspect
from compound.jobs.store.artifacts import ArtifactStore
from compound.orchestrator.kinds.all_kinds import KINDS
from compound.orchestrator.prepare import prepare
from compound.orchestrator.run.phase_start import Phase
from compound.orchestrator.spec.load import load
from compound.orchestrator.study import Study
from compound.schemas.job import Event

SPEC = """\
kind: study
name: small
store: {store}
data: {{source: synthetic, images: 128, validation_images: 64, size: 12}}
baseline:
  resolution: 10
  stem: {{channels: 4, stride: 1}}
  stages:
    - {{channels: 4, expand: 1, se: 0}}
    - {{channels: 8, expand: 2, stride: 2, repeats: 2, se: 0}}
  head: 16
rounding: {{channels: 4}}
search:
  design: {{kind: lattice, degree: 1}}
  budget: {{tolerance: 0.15}}
  controls: [depth, width, resolution]
  seeds: 2
  recipe_check: false
family: {{phi: [1, 2]}}
train: {{epochs: {epochs}, batch: 32}}
resources: {{search: {{gpus: 0}}, family: {{gpus: 0}}}}
"""


class Log:
    """Remembers what a study tells."""

    def __init__(self) -> None:
        self.phases: list[tuple[str, int, int]] = []
        self.reused: list[dict[str, int]] = []
        self.events: list[Event] = []
        self.notes: list[str] = []

    def phase(self, phase: Phase) -> None:
        self.phases.append((phase.title, phase.jobs, phase.pending))
        self.reused.append(dict(phase.reused))

    def event(self, event: Event) -> None:
        self.events.append(event)

    def note(self, text: str) -> None:
        self.notes.append(text)


def carry_out(
    path: Path, *overrides: str, runner: Runner | None = None, ending: str = "done"
) -> tuple[Log, ArtifactStore]:
    """Run a spec with the plain loop, by default on this machine."""
    file, log = load(path, overrides), Log()
    store = ArtifactStore.open(file.spec.store)
    study = Study(file.spec, file.source.text, store, runner or LocalRunner(), log)
    planned = prepare(file.spec, inspect(file.spec.data), store).plan
    assert KINDS[file.spec.kind].run(study, planned) == ending
    return log, store
