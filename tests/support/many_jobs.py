"""A study of ten thousand jobs in a store of its own."""

import contextlib
import io
from dataclasses import dataclass
from pathlib import Path

from compound.jobs.data.source import summarise
from compound.jobs.store.artifacts import ArtifactStore
from compound.orchestrator.choose.verdict import analyse
from compound.orchestrator.cli.study.status import status
from compound.orchestrator.prepare import prepare
from compound.orchestrator.spec.load import load
from compound.schemas.plan import Plan
from compound.schemas.study import StudySpec

ROOT = Path(__file__).parents[2]
SPEC = ROOT / "benchmarks" / "tables" / "scale.yaml"


@dataclass(frozen=True)
class Scene:
    """One study in a store of its own."""

    spec: StudySpec
    overrides: tuple[str, ...]

    @classmethod
    def of(cls, overrides: tuple[str, ...], folder: str) -> "Scene":
        """Read the spec with its store in a folder."""
        every = (*overrides, f"store={folder}/{overrides[0]}")
        spec = load(SPEC, every).spec
        assert isinstance(spec, StudySpec)
        return cls(spec, every)

    @property
    def store(self) -> ArtifactStore:
        """The store, made where there is none."""
        return ArtifactStore.open(self.spec.store)

    def prepared(self) -> Plan:
        """Plan and predict as `compound plan` does, without printing."""
        plan = prepare(self.spec, summarise(self.spec.data), self.store).plan
        assert isinstance(plan, Plan)
        return plan

    def status(self) -> None:
        """Print where every job stands, into nothing."""
        with contextlib.redirect_stdout(io.StringIO()):
            status(self.spec.name, self.spec.store, as_json=False)

    def verdict(self) -> None:
        """Read the plan and all results, and judge them."""
        plan = self.store.study(self.spec.name).read("plan.json", Plan)
        assert plan is not None
        results = self.store.results([job.request.job.id for job in plan.jobs])
        assert analyse(self.spec, plan, results).chosen

    def words(self, name: str) -> list[str]:
        """Return a command of the command line on this study."""
        if name in ("status", "report"):
            return [name, self.spec.name, "--store", self.spec.store]
        sets = (word for override in self.overrides for word in ("--set", override))
        return [name, str(SPEC), *sets]
