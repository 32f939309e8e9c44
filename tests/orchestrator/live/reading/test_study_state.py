"""What is known of a study is read again where, and only where, its files differ."""

import os
import shutil
from pathlib import Path

import pytest

from compound.jobs.store.artifacts import ArtifactStore
from compound.orchestrator.live.reading.file_marks import file_marks
from compound.orchestrator.live.reading.network_table import read_networks
from compound.orchestrator.live.reading.study_state import read_state
from compound.orchestrator.records.documents import ANSWER, VERDICT
from compound.schemas.answer import Answer
from compound.schemas.errors import UnknownError
from compound.schemas.verdict import Verdict
from tests.support.live_pages import STUDY

NAME = STUDY.rpartition("/")[2]


@pytest.fixture
def store(published_store: str, tmp_path: Path) -> ArtifactStore:
    """A copy of the published study; files of jobs are only read."""
    shutil.copytree(published_store, tmp_path / "store", ignore=shutil.ignore_patterns("jobs"))
    jobs = Path(published_store) / "jobs"
    shutil.copytree(jobs, tmp_path / "store" / "jobs", copy_function=os.link)
    return ArtifactStore.open(str(tmp_path / "store"))


def test_a_study_at_rest_is_read_once(store: ArtifactStore) -> None:
    first = read_state(store, NAME, None)
    assert first.at_rest and first.counts == {"done": len(first.planned)}
    assert read_state(store, NAME, first) is first
    store.study(NAME).put_text("report.html", "drawn again")
    assert read_state(store, NAME, first) is first
    networks = read_networks(store, NAME, None)
    assert read_networks(store, NAME, networks) is networks


def test_a_document_of_the_same_size_is_another(store: ArtifactStore) -> None:
    folder = store.study(NAME)
    answer, verdict = folder.read(ANSWER, Answer), folder.read(VERDICT, Verdict)
    assert answer is not None and verdict is not None
    folder.write(ANSWER, answer)
    folder.write(VERDICT, verdict)
    first, networks, marks = read_state(store, NAME, None), read_networks(store, NAME, None), {}
    for _ in range(3):
        marks = file_marks(folder)
        folder.write(VERDICT, verdict)
        assert file_marks(folder)[VERDICT] != marks[VERDICT]
    assert file_marks(folder)[VERDICT][0] == marks[VERDICT][0]
    after = read_state(store, NAME, first)
    assert after is not first and after.revision != first.revision
    again = read_networks(store, NAME, networks)
    assert again is not networks and again.revision != networks.revision
    assert again.table == networks.table


def test_an_unknown_study_is_no_damage(store: ArtifactStore) -> None:
    with pytest.raises(UnknownError, match="no study is called 'other'"):
        read_state(store, "other", None)
