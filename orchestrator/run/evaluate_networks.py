"""The last step of a study: what it has chosen is evaluated on the test part, once."""

import hashlib
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from compound.cluster.runner import Runner
from compound.jobs.data.source import evaluated_part
from compound.jobs.store.artifacts import ArtifactStore
from compound.jobs.store.folders.study_folder import StudyFolder
from compound.jobs.store.format.predictions import Predictions
from compound.orchestrator.analyse.final_scores import network_scores, seed_score
from compound.orchestrator.records.documents import FINAL_TEST, written
from compound.orchestrator.records.final_networks import FinalNetwork, final_networks
from compound.orchestrator.wording.final_texts import (
    WITHDRAWN,
    classes_warning,
    outdated_text,
    part_warnings,
    pending_text,
    readings_warning,
    result_text,
)
from compound.orchestrator.wording.numbers import counted
from compound.schemas.data import DataInfo
from compound.schemas.final_evaluation import (
    EvaluatedPart,
    FinalTest,
    NetworkScore,
    Reading,
    SeedScore,
)
from compound.schemas.job import DataRef, JobRequest, JobResult
from compound.schemas.plan import PlannedJob
from compound.schemas.study import AnySpec

if TYPE_CHECKING:
    from compound.orchestrator.run.phase import Ending, Observer

_LEVEL = 0.9
"""Of intervals where there is no search, whose spec says it; the same as its default."""


@dataclass(frozen=True)
class TrainedWeights:
    """The last weights of a job, as stored."""

    planned: PlannedJob
    result: JobResult
    weights: str
    """A hash of the checkpoint's files."""


@dataclass(frozen=True)
class Evaluation:
    """What evaluates the networks of one study."""

    spec: AnySpec
    info: DataInfo
    store: ArtifactStore
    runner: Runner
    observer: "Observer"

    @property
    def _folder(self) -> StudyFolder:
        return self.store.study(self.spec.name)

    def expect(self) -> None:
        """Record, before the first job, that there is a test part, or that there is none.

        A test part that was read and has changed since is told before anything trains.
        """
        before = self._folder.read(FINAL_TEST, FinalTest)
        if before is None and not self.info.test:
            return
        if before and before.readings:
            part = self._part() if self.info.test else None
            self._folder.write(FINAL_TEST, self._compared(before, part))
        else:
            self._folder.write(FINAL_TEST, _pending(self.spec, self.info))

    def _part(self) -> EvaluatedPart:
        """Hash the test part, without the images that the plan could not decode."""
        return evaluated_part(self.spec.data, self.info.undecodable)

    def _compared(self, before: FinalTest, part: EvaluatedPart | None) -> FinalTest:
        """Return what was read, with what has become of its test part; a change is told."""
        if part is None:
            return before.model_copy(update={"outdated": WITHDRAWN, "changed": None})
        if part.content == before.readings[-1].content:
            return before.model_copy(update={"outdated": "", "changed": None})
        outdated = outdated_text(before, part, self.spec.name)
        self.observer.note(f"warning: {outdated}")
        return before.model_copy(update={"outdated": outdated, "changed": part})

    def run(self) -> "Ending":
        """Evaluate what was not evaluated yet, and write test.json.

        The test part is hashed first: one that has changed since it was read is not read again.
        """
        if not self.info.test:
            return "done"
        stored = written(self._folder)
        before, part = stored.test, self._part()
        if before and before.readings and before.readings[-1].content != part.content:
            if before.changed != part:
                self._folder.write(FINAL_TEST, self._compared(before, part))
            return "done"
        networks = final_networks(stored)
        trained, unread = self._trained(networks)
        return self._evaluate(part, before, networks, trained, unread)

    def _evaluate(
        self,
        part: EvaluatedPart,
        before: FinalTest | None,
        networks: Sequence[FinalNetwork],
        trained: Sequence[TrainedWeights],
        unread: dict[str, str],
    ) -> "Ending":
        scores = {(s.job, s.weights): s for s in before.scores} if before else {}
        pending = [job for job in trained if (job.result.job, job.weights) not in scores]
        results = self._results(pending, part)
        for job, result in zip(pending, results, strict=True):
            if result.status == "done":
                scores[result.job, job.weights] = self._score(job, result, part)
            else:
                unread[result.job] = _reason(result)
        readings = _readings(before, trained, part, sum(r.status == "done" for r in results))
        final = self._final(part, networks, trained, scores, unread, readings)
        self._folder.write(FINAL_TEST, final)
        if pending:
            self.observer.note(final.sentence)
        return "stopped" if any(result.status == "stopped" for result in results) else "done"

    def _trained(
        self, networks: Sequence[FinalNetwork]
    ) -> tuple[list[TrainedWeights], dict[str, str]]:
        """Return the stored weights of the networks' jobs, each once, and why some have none."""
        jobs = {job.request.job.id: job for network in networks for job in network.jobs}
        results = self.store.results(jobs)
        trained, unread = [], {job: "it has not ended" for job in jobs if job not in results}
        for job, result in results.items():
            weights = _weights(self.store, jobs[job].request)
            if result.status != "done":
                unread[job] = f"it is {result.status}"
            elif weights is None:
                unread[job] = "its last weights are not stored any more"
            else:
                trained.append(TrainedWeights(jobs[job], result, weights))
        return trained, unread

    def _results(self, pending: Sequence[TrainedWeights], part: EvaluatedPart) -> list[JobResult]:
        if not pending:
            return []
        self.observer.note(
            f"test: {counted(len(pending), 'trained network')} on "
            f"{counted(part.images, 'image')} that were used for no decision"
        )
        requests = [self._request(job, part) for job in pending]
        return self.runner.run(requests, self.store.uri, lambda event: None)

    def _request(self, trained: TrainedWeights, part: EvaluatedPart) -> JobRequest:
        """Return the request that evaluates a job where and as it was trained."""
        request = trained.planned.request
        # The id of a job has no paths: one that was planned earlier may name no test files.
        data = DataRef(
            spec=self.spec.data,
            fingerprint=request.job.data.fingerprint,
            undecodable=self.info.undecodable,
        )
        update = {
            "job": request.job.model_copy(update={"data": data}),
            "splits": trained.result.splits,
            "evaluates": part.content,
            "continues": None,
        }
        return request.model_copy(update=update)

    def _score(self, trained: TrainedWeights, result: JobResult, part: EvaluatedPart) -> SeedScore:
        return seed_score(
            trained.planned,
            trained.result,
            result,
            _level(self.spec),
            weights=trained.weights,
            content=part.content,
        )

    def _final(
        self,
        part: EvaluatedPart,
        networks: Sequence[FinalNetwork],
        trained: Sequence[TrainedWeights],
        scores: Mapping[tuple[str, str], SeedScore],
        unread: Mapping[str, str],
        readings: tuple[Reading, ...],
    ) -> FinalTest:
        keys = [(job.result.job, job.weights) for job in trained]
        current = {job: scores[job, weights] for job, weights in keys if (job, weights) in scores}
        answers = {job: self._answers(job, weights, part) for job, weights in keys}
        stored = {job: answer for job, answer in answers.items() if answer}
        measured, differences = network_scores(networks, current, unread, stored, _level(self.spec))
        warnings = (
            *part_warnings(self.info),
            classes_warning(part.class_counts, self.info.classes),
            readings_warning(len(readings)),
            *(f"not evaluated on the test part: {text}" for text in _unread_lines(measured)),
        )
        return FinalTest(
            level=_level(self.spec),
            part=part,
            images=part.images,
            readings=readings,
            networks=measured,
            differences=differences,
            earlier=tuple(score for key, score in scores.items() if key not in keys),
            warnings=tuple(filter(None, warnings)),
            sentence=result_text(measured, part.images, _level(self.spec)),
        )

    def _answers(self, job: str, weights: str, part: EvaluatedPart) -> Predictions | None:
        return self.store.test_predictions(job).read(part.content, weights)


def _level(spec: AnySpec) -> float:
    return spec.search.level if spec.search else _LEVEL


def _pending(spec: AnySpec, info: DataInfo) -> FinalTest:
    return FinalTest(
        level=_level(spec),
        part=None,
        images=info.test,
        warnings=tuple(part_warnings(info)),
        sentence=pending_text(info.test),
    )


def _weights(store: ArtifactStore, request: JobRequest) -> str | None:
    """Return a hash of the checkpoint after the last epoch; None: it is not stored."""
    last = store.checkpoints(request.job.id)[-1:]
    if not last or (last[0].epoch, last[0].epoch_step) != (request.job.recipe.epochs, 0):
        return None
    return last[0].weights


def _readings(
    before: FinalTest | None,
    trained: Iterable[TrainedWeights],
    part: EvaluatedPart,
    evaluated: int,
) -> tuple[Reading, ...]:
    """Count this reading; the rest of one that was interrupted belongs to it."""
    earlier = before.readings if before else ()
    if not evaluated:
        return earlier
    every = sorted((job.result.job, job.weights) for job in trained)
    weights = hashlib.sha256(repr(every).encode()).hexdigest()[:16]
    if earlier and earlier[-1].weights == weights:
        evaluated += earlier[-1].evaluated
        earlier = earlier[:-1]
    reading = Reading(at=time.time(), content=part.content, weights=weights, evaluated=evaluated)
    return (*earlier, reading)


def _reason(result: JobResult) -> str:
    if result.status == "stopped" or result.cause is None:
        return "the run was stopped before"
    return result.cause.message.partition("\n")[0]


def _unread_lines(measured: Iterable[NetworkScore]) -> Iterable[str]:
    return dict.fromkeys(line for network in measured for line in network.unread)
