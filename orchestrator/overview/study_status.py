"""What `compound status` reads of a study."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from compound.jobs.store.artifacts import ArtifactStore
from compound.jobs.store.folders.job_state import JobState
from compound.jobs.store.folders.planned_jobs import Line
from compound.jobs.store.folders.study_folder import StudyFolder
from compound.orchestrator.answer.so_far import Work, stage_of, work
from compound.orchestrator.choose.other_rates import OtherRates
from compound.orchestrator.losses.study_losses import (
    lost_by_listing,
    study_folder,
    unknown_study,
)
from compound.orchestrator.records.documents import (
    ALONG,
    ANSWER,
    DATA,
    FAMILY,
    FINAL_TEST,
    GATE_PLAN,
    GATE_RESULT,
    SENSITIVITY,
    SPEC,
    SPENDING,
    VERDICT,
    Record,
    SentenceOnly,
    documents,
)
from compound.orchestrator.records.job_list import lines_of, once, planning
from compound.orchestrator.records.selected_scores import sentence_as_read
from compound.schemas.answer import Answer
from compound.schemas.data import DataInfo
from compound.schemas.final_evaluation import FinalTest
from compound.schemas.metrics import ACCURACY
from compound.schemas.spending import Spent
from compound.schemas.study import AnySpec


@dataclass(frozen=True)
class StudyStatus:
    """Of a study's documents what its status shows; none is read that is not there."""

    spec: AnySpec
    resume: str
    """The command that goes on with it; "" in older stores."""
    planned: list[Line]
    listed: Mapping[str, int]
    """What lies in the study's folder, with its bytes."""
    answer: Answer | None
    """None: nothing can be answered yet, or it is older than answers."""
    verdict: str | None
    warnings: tuple[str, ...]
    """The verdict's."""
    gate: str | None
    along: str | None
    """From which phi on the choice is ahead; None without other ways of scaling."""
    spent: Spent | None
    test: FinalTest | None
    """None: it has no test part, or is older than test parts."""
    data: DataInfo | None
    """None: begun before studies kept it."""
    missing: list[str]
    """Which documents and events are gone."""
    rates: OtherRates

    @classmethod
    def of(cls, store: ArtifactStore, study: str) -> "StudyStatus":
        """Read what is needed of a study. StoreError: there is none of that name."""
        folder = study_folder(store, study)
        listed = folder.sizes() if folder else {}
        record = folder.read(SPEC, Record) if folder and SPEC in listed else None
        if folder is None or record is None:
            raise unknown_study(study, store)
        verdict, gate, along = (
            folder.read(name, SentenceOnly) if name in listed else None
            for name in (VERDICT, GATE_RESULT, ALONG)
        )
        spent = folder.read(SPENDING, Spent) if SPENDING in listed else None
        gated = GATE_PLAN in planning(record.spec)
        planned = planned_lines(folder, record.spec, listed)
        return cls(
            record.spec,
            record.resume,
            planned,
            listed,
            folder.read(ANSWER, Answer) if ANSWER in listed else None,
            sentence_as_read(record.spec, verdict.sentence) if verdict else None,
            verdict.warnings if verdict else (),
            gate.sentence if gate and gated else None,
            along.sentence if along and len(record.spec.ways) > 1 else None,
            spent,
            folder.read(FINAL_TEST, FinalTest) if FINAL_TEST in listed else None,
            folder.read(DATA, DataInfo) if DATA in listed else None,
            lost_by_listing(store, study, listed),
            OtherRates.read(folder, record.spec, listed, [line.job for line in planned]),
        )

    def work(self, states: Mapping[str, JobState], answer: Answer | None) -> Work:
        """Count its jobs, by their states; `answer`: as it is known now."""
        return planned_work(
            self.spec,
            self.planned,
            states,
            closed=self.spec.stops_at_gate and bool(self.gate),
            verdict=VERDICT in self.listed,
            chosen=answer is not None and answer.coefficients is not None,
            family=FAMILY in self.listed,
        )


def planned_work(
    spec: AnySpec, planned: Iterable[Line], states: Mapping[str, JobState], **fields: bool
) -> Work:
    """Count the planned jobs of a study, by their states; `fields`: see `Work`."""
    jobs = ((stage_of_line(spec, line), _word(states[line.job])) for line in planned)
    return work(jobs, **fields)


def stage_of_line(spec: AnySpec, line: Line) -> str:
    """Return the stage of a planned job."""
    sensitivity = line.document == SENSITIVITY
    return stage_of(line.phase, search=spec.search is not None, sensitivity=sensitivity)


def _word(state: JobState) -> str:
    pruned = state.cause is not None and state.cause.kind == "pruned"
    return "done" if pruned else state.status


def planned_lines(folder: StudyFolder, spec: AnySpec, listed: Mapping[str, int]) -> list[Line]:
    """Return a study's jobs by its roster, or where that is missing by its plan."""
    planned = folder.planned_jobs.read(listed, planning(spec))
    if planned is None:
        stored = documents(folder)
        planned = lines_of(stored) if stored else []
    return once(planned)


def best_accuracy(states: Iterable[JobState]) -> float | None:
    """Return the highest accuracy on validation images of the jobs that are done."""
    done = (state.metrics.get(ACCURACY) for state in states if state.status == "done")
    return max((accuracy for accuracy in done if accuracy is not None), default=None)
