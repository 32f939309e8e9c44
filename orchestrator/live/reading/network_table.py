"""The networks of a study, from its documents without their jobs.

The jobs of a plan of ten thousand take 400 MB as objects, its networks 30.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa
from pydantic import BaseModel, ConfigDict

from compound.jobs.store.artifacts import ArtifactStore
from compound.jobs.store.folders.study_folder import StudyFolder
from compound.orchestrator.live.listing.page_tables import candidates_table
from compound.orchestrator.live.reading.file_marks import FileMarks, file_marks
from compound.orchestrator.overview.study_status import planned_lines
from compound.orchestrator.records.arrow_tables import networks_with_roles
from compound.orchestrator.records.documents import (
    ANSWER,
    BASELINE,
    DATA,
    FAMILY,
    PLAN,
    ROUNDS,
    SPEC,
    SPENDING,
    VERDICT,
    Documents,
    Record,
    documents,
)
from compound.orchestrator.records.selected_scores import as_read
from compound.orchestrator.wording.network_names import network_names
from compound.schemas.architecture import Candidate
from compound.schemas.errors import UnknownError
from compound.schemas.verdict import Verdict

_UNRELATED = {ANSWER, DATA, SPENDING, "contents.json", "lease.json"}
"""Documents that say nothing of networks; some are written with every job."""


class _Part(BaseModel):
    """A part of a document; the rest, such as jobs, is passed over."""

    model_config = ConfigDict(extra="ignore")


class _Planned(_Part):
    baseline: Candidate
    candidates: tuple[Candidate, ...] = ()


class _Round(_Part):
    candidates: tuple[Candidate, ...] = ()


class _Rounds(_Part):
    rounds: tuple[_Round, ...] = ()


class _Member(_Part):
    network: Candidate


class _Family(_Part):
    members: tuple[_Member, ...] = ()


@dataclass(frozen=True)
class StudyNetworks:
    """The networks of a study."""

    table: pa.Table
    sources: FileMarks
    """The documents that they were read from."""

    @property
    def revision(self) -> str:
        """Another whenever the table may be another."""
        return repr(sorted(self.sources.items()))


def read_networks(store: ArtifactStore, study: str, before: StudyNetworks | None) -> StudyNetworks:
    """Read a study's networks; `before` is returned where its documents are as they were."""
    marks = file_marks(store.study(study)).items()
    sources = {
        file: mark for file, mark in marks if file.endswith(".json") and file not in _UNRELATED
    }
    if before and before.sources == sources:
        return before
    folder = store.study(study)
    record = folder.read(SPEC, Record)
    if record is None:
        raise _unknown(store, study)
    verdict = as_read(record.spec, folder.read(VERDICT, Verdict))
    lines = planned_lines(folder, record.spec, folder.sizes())
    names = network_names((line.candidate, line.label) for line in lines)
    return StudyNetworks(candidates_table(_networks(folder), names, verdict), sources)


def _networks(folder: StudyFolder) -> Sequence[tuple[str, Candidate]]:
    planned = folder.read(PLAN, _Planned) or folder.read(BASELINE, _Planned)
    rounds, family = folder.read(ROUNDS, _Rounds), folder.read(FAMILY, _Family)
    added = [
        candidate for step in (rounds.rounds if rounds else ()) for candidate in step.candidates
    ]
    members = [member.network for member in (family.members if family else ())]
    searched = (*planned.candidates, *added) if planned else ()
    return networks_with_roles(planned.baseline if planned else None, searched, members)


def stored_documents(store: ArtifactStore, study: str) -> Documents:
    """Return the documents of a study. UnknownError: they are gone."""
    stored = documents(store.study(study))
    if stored is None:
        raise _unknown(store, study)
    return stored


def _unknown(store: ArtifactStore, study: str) -> UnknownError:
    return UnknownError(f"no study is called '{study}'", where=store.uri)
