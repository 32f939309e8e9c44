"""Studies whose training is replaced by a known truth; everything else is the real code.

What a network reaches is a power law of its own realised cost, plus what its allocation is worth,
which grows from the baseline on, a luck that a seed brings to all, and noise. A schedule of fewer
epochs leaves larger errors, shrinks differences, disturbs the order, and is noisier.
"""

import hashlib
import math
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from compound.cluster.runner import OnEvent, Take, in_order
from compound.jobs.store.artifacts import ArtifactStore
from compound.jobs.store.format.predictions import Predictions
from compound.jobs.store.writing.job_writer import JobWriter
from compound.orchestrator.records.documents import documents
from compound.orchestrator.run.phase_start import Phase
from compound.orchestrator.study import Study
from compound.schemas.architecture import AXES, Candidate
from compound.schemas.job import EpochRow, Event, JobRequest, JobResult, TrainJob
from compound.schemas.metrics import ACCURACY
from compound.schemas.plan import Plan
from compound.schemas.study import StudySpec
from compound.schemas.verdict import Verdict
from tests.support.image_answers import predictions_of
from tests.support.surfaces import Bools, Floats, Runs

SIGMA = 0.01
"""The standard deviation of a score between seeds, without what a seed brings to all."""
LUCK = 0.5
"""The standard deviation of what a seed brings to every candidate, in sigma."""
BASELINE, DECAY = 0.3, 0.4
"""Errors fall as BASELINE * cost ^ -DECAY: 7 points for the doubling, less for the next."""
SLOW = 0.35
"""Errors grow as that power of how much shorter a schedule is."""
SHRUNK, STRAYED, NOISIER = 0.8, 0.6, 1.2
"""A short schedule's differences, the stray of each network from them in sigma, its noise."""
CHANCE = 0.1
"""Where a run that collapses ends."""
EVEN = Runs()
MEMORY = Path("/dev/shm")
Answer = Callable[[TrainJob], float]


@dataclass(frozen=True)
class World:
    """What training would have brought, the same whenever it is asked."""

    spec: StudySpec
    candidates: Mapping[str, Candidate]
    worth: Mapping[str, float]
    """In sigma, at equal cost, by candidate."""
    seed: int
    runs: Runs = EVEN
    sds: Mapping[str, float] = field(default_factory=dict)
    """Noise in sigma, by candidate; 1 where there is none."""

    @classmethod
    def of(
        cls, spec: StudySpec, plan: Plan, truth: Floats, seed: int, runs: Runs = EVEN
    ) -> "World":
        """Give the candidates of a plan their worth, in their order."""
        ids = [candidate.id for candidate in plan.candidates]
        candidates = dict(zip(ids, plan.candidates, strict=True))
        sds = dict(zip(ids, runs.sds(truth, single(plan)).tolist(), strict=True))
        worth = dict(zip(ids, truth.tolist(), strict=True))
        return cls(spec, candidates, worth, seed, runs, sds)

    def reached(self, network: str, stray: float = 0.0) -> float:
        """Return the true accuracy of a network at the cost that it has."""
        candidate = self.candidates.get(network)
        if candidate is None:
            return 1 - BASELINE
        multiple = self.spec.search.budget.multiple
        ratio = multiple if self.runs.saturates else candidate.ratio
        part = math.log(ratio) / math.log(multiple)
        error = BASELINE * float(ratio**-DECAY)
        return 1 - error + SIGMA * part * (self.worth[network] + stray)

    def answer(self, job: TrainJob) -> float:
        """Return the score of one training."""
        predicted = self.predicted(job)
        return self.accuracy(job) if predicted is None else float(predicted.right.mean())

    def predicted(self, job: TrainJob) -> Predictions | None:
        """Return what one training predicts of single images; None: there are none."""
        images, network = self.runs.images, job.architecture.id
        if images is None:
            return None
        keys = (("image",), ("taste", network), ("own", network, job.seed, job.recipe.epochs))
        numbers = [self._rng(key).standard_normal(images.count) for key in keys]
        return predictions_of(images.seen(self.accuracy(job), *numbers))

    def accuracy(self, job: TrainJob) -> float:
        """Return the accuracy of one training on all images that there could be."""
        network, seed = job.architecture.id, job.seed
        shorter = self.spec.search.train.epochs / job.recipe.epochs
        own = self._normal(network, seed, job.recipe.epochs)
        noise = self._normal("luck", seed) * LUCK + self.sds.get(network, 1.0) * own
        if self._uniform("collapse", network, seed) < self.runs.collapse:
            return _score(CHANCE + SIGMA * own)
        if shorter <= 1:
            return _score(self.reached(network) + SIGMA * noise)
        lost = (SHRUNK - 1) * self.worth.get(network, 0.0)
        stray = lost + STRAYED * min(1.0, math.log(shorter, 4)) * self._normal("stray", network)
        error = (1 - self.reached(network, stray)) * shorter**SLOW
        return _score(1 - error + SIGMA * NOISIER * noise)

    def _normal(self, *key_parts: object) -> float:
        return float(self._rng(key_parts).standard_normal())

    def _uniform(self, *key_parts: object) -> float:
        return float(self._rng(key_parts).random())

    def _rng(self, key_parts: tuple[object, ...]) -> np.random.Generator:
        key = hashlib.sha256(repr((self.seed, key_parts)).encode()).digest()
        return np.random.default_rng(int.from_bytes(key[:8]))


def _score(accuracy: float) -> float:
    return min(max(accuracy, 0.0), 1.0)


@dataclass(frozen=True)
class Simulated:
    """A runner that trains nothing: it writes the answers into the store as results."""

    answer: Answer
    logged: bool = False
    """Whether every epoch gets a row, of the answer and a loss."""
    predicted: Callable[[TrainJob], Predictions | None] = lambda job: None

    def run(
        self, requests: Sequence[JobRequest], store: str, on_event: OnEvent, take: Take = in_order
    ) -> list[JobResult]:
        """Answer every request; see `Runner.run`."""
        ledger = ArtifactStore.open(store)
        return [self._answered(request, ledger, on_event) for request in requests]

    def _answered(self, request: JobRequest, store: ArtifactStore, on_event: OnEvent) -> JobResult:
        with store.writer(request.job) as writer:
            if self.logged:
                self._log(request.job, writer)
            result = JobResult(
                job=request.job.id,
                status="done",
                attempt=writer.attempt,
                epochs=request.job.recipe.epochs,
                metrics={ACCURACY: self.answer(request.job)},
            )
            writer.finish(result, self.predicted(request.job))
        on_event(Event(kind="ended", job=result.job, label=request.label, result=result))
        return result

    def _log(self, job: TrainJob, writer: JobWriter) -> None:
        writer.resume()
        for epoch in range(1, job.recipe.epochs + 1):
            metrics = {ACCURACY: self.answer(job), "train_loss": 1 / epoch}
            row = EpochRow(
                job=job.id,
                attempt=writer.attempt,
                epoch=epoch,
                step=epoch,
                metrics=metrics,
                wall_time=1e9 + epoch,
            )
            writer.log(row)

    def request_stop(self) -> None:
        """Stop nothing: everything has ended."""

    @property
    def stopping(self) -> bool:
        """Return False: it ends by itself."""
        return False


@dataclass(frozen=True)
class Silent:
    """Watches a study and says nothing."""

    def phase(self, phase: Phase) -> None:
        """A phase begins."""

    def event(self, event: Event) -> None:
        """Something happened to a job."""

    def note(self, text: str) -> None:
        """The study has decided something."""


@dataclass(frozen=True)
class Carried:
    """What a study came to, and the epochs that it took."""

    verdict: Verdict
    epochs: int


def carry_out(
    spec: StudySpec,
    plan: Plan,
    answer: Answer,
    predicted: Callable[[TrainJob], Predictions | None] = lambda job: None,
) -> Carried:
    """Run a whole study, from its plan to its verdict, in a store of its own."""
    parent = MEMORY if MEMORY.is_dir() else None
    with tempfile.TemporaryDirectory(prefix="compound-simulated-", dir=parent) as folder:
        store = ArtifactStore.open(folder)
        runner = Simulated(answer, predicted=predicted)
        Study(spec, "", store, runner, Silent()).run(plan)
        study = documents(store.study(spec.name))
        assert study is not None
        assert study.verdict is not None
        return Carried(study.verdict, sum(job.request.job.recipe.epochs for job in study.jobs))


def single(plan: Plan) -> Bools:
    """Say of every candidate whether it scales one axis only."""
    return np.array([bool({*AXES} & {*candidate.roles}) for candidate in plan.candidates])


def shares_of(plan: Plan) -> Floats:
    """Return the shares of every candidate, shape (candidates, 3)."""
    return np.array([candidate.shares.split for candidate in plan.candidates if candidate.shares])
