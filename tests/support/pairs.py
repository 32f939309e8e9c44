"""Pairs of studies that share jobs in one store: what each came to, and how often it trained."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from compound.jobs.store.artifacts import ArtifactStore
from compound.orchestrator.records.documents import FAMILY, VERDICT, documents
from compound.schemas.plan import FamilyPlan
from compound.schemas.verdict import Verdict
from tests.support.small_study import SPEC


@dataclass(frozen=True)
class Came:
    """What a study came to. Equal for a study alone and one among others."""

    verdict: Mapping[str, Any]
    family: Mapping[str, Any]
    weights: Mapping[str, str]
    """Of every job the hash of its last weights."""
    searched: Mapping[str, str]
    """The same of the jobs of the search."""


def written_spec(folder: Path, store: str, *, seeds: int = 2, epochs: int = 3) -> Path:
    """Write a study's spec into a folder; it is called `small` where `--set` says nothing else."""
    path = folder / f"small-{seeds}.yaml"
    text = SPEC.format(store=store, epochs=epochs)
    path.write_text(text.replace("seeds: 2", f"seeds: {seeds}"))
    return path


def run_words(spec: Path, name: str, *more: str) -> Sequence[str]:
    """Return the words after `compound` that run a spec under a name."""
    return ("run", str(spec), "--set", f"name={name}", "--no-report", *more)


def came(uri: str, study: str) -> Came:
    """Return what a study that has ended came to."""
    store = ArtifactStore.open(uri, create=False)
    folder = store.study(study)
    verdict, family = folder.read(VERDICT, Verdict), folder.read(FAMILY, FamilyPlan)
    stored = documents(folder)
    assert verdict and family and stored, f"study {study} has not ended"
    weights = {job.request.job.id: _weights(store, job.request.job.id) for job in stored.jobs}
    searched = [job.request.job.id for job in stored.jobs if job.phase == "search"]
    plan = family.model_dump(exclude={"study"})
    return Came(verdict.model_dump(), plan, weights, {job: weights[job] for job in searched})


def _weights(store: ArtifactStore, job: str) -> str:
    return store.checkpoints(job)[-1].files["model.safetensors"].sha256


def attempts(uri: str) -> dict[str, int]:
    """Return of every job of a store the number of attempts that were begun for it."""
    store = ArtifactStore.open(uri, create=False)
    return {job: store.state(job).attempt for job in store.jobs()}
