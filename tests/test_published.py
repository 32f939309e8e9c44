"""The published study: its records are read, its spec holds, its page has their numbers."""

import shlex
import tarfile
from pathlib import Path

import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from compound.jobs.store.artifacts import ArtifactStore
from compound.orchestrator.answer.answer_text import scaling
from compound.orchestrator.answer.notes import better_ways, other_controls
from compound.orchestrator.answer.stored_answer import stored_answer
from compound.orchestrator.records.documents import Documents, documents
from compound.orchestrator.spec.load import load
from compound.orchestrator.wording.numbers import points
from compound.schemas.metrics import ACCURACY
from tests.support.command import compound

FOLDER = Path(__file__).parents[1] / "docs" / "results" / "cifar10"
STUDY = "cifar10-published"


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the unpacked store."""
    folder = tmp_path_factory.mktemp("published")
    with tarfile.open(FOLDER / "store.tar.gz") as packed:
        packed.extractall(folder, filter="data")
    return folder


@pytest.fixture(scope="module")
def stored(store: Path) -> Documents:
    """Return the study's documents."""
    read = documents(ArtifactStore.open(str(store), create=False).study(STUDY))
    assert read is not None
    return read


def test_the_spec_is_the_one_that_ran(stored: Documents) -> None:
    spec = load(FOLDER / "study.yaml").spec
    ran = stored.record.spec
    assert spec.search == ran.search and spec.train == ran.train and spec.family == ran.family


def test_rows_are_those_of_the_store(store: Path, stored: Documents) -> None:
    rows = pq.read_table(FOLDER / "rows.parquet")
    jobs = sorted({job.request.job.id for job in stored.jobs})
    assert sorted(set(rows["job"].to_pylist())) == jobs
    last = rows.filter((pc.field("name") == ACCURACY) & (pc.field("epoch") == 12)).to_pylist()
    results = ArtifactStore.open(str(store), create=False).results(jobs)
    assert {row["job"]: row["value"] for row in last} == {
        job: result.metrics[ACCURACY] for job, result in results.items()
    }


def test_the_page_has_the_numbers_of_the_records(stored: Documents) -> None:
    page = (FOLDER / "README.md").read_text(encoding="utf-8")
    assert stored.along is not None and stored.verdict is not None
    for way in ("choice", "depth", "width", "resolution", "published"):
        means = [f"{100 * p.mean:.1f}" for p in stored.along.points if p.along == way and p.mean]
        assert f"| {' | '.join(means)} |" in page
    (better,) = stored.along.better
    assert (better.along, better.first, stored.along.first) == ("published", 3, 2)
    leads = {(lead.over, lead.phi): lead for lead in stored.along.leads}
    for phi in (2, 3):
        lead = leads["published", phi]
        assert lead.low is not None and lead.high is not None
        assert f"({points(-lead.high)} to {points(-lead.low)})" in page
    gain = stored.verdict.gain
    assert gain is not None and gain.low is not None and gain.high is not None
    ends = f"({points(gain.low)} to {points(gain.high)})"
    assert f"{points(gain.estimate)} points above resolution alone {ends}" in page


def test_the_answer_does_not_contradict_the_family(stored: Documents) -> None:
    text = scaling(stored.verdict, stored.along, 2.0)
    assert text.startswith("In the search, at 2.00x the compute, compound scaling brought nothing")
    assert "Over the family, at equal cost the choice is ahead of every single axis" in text
    assert "The published split is ahead of the choice at phi 3 by 2.6 points" in text


def test_a_better_way_than_the_choice_is_named_or_recommended(
    store: Path, stored: Documents
) -> None:
    assert stored.along is not None
    answer = stored_answer(ArtifactStore.open(str(store), create=False), stored)
    assert answer is not None and answer.compared, "made anew: the stored one looked at no way"
    named = list(better_ways(stored.along))
    if any(lead.behind for lead in stored.along.leads if lead.phi == 3):
        assert answer.way == "published" and not named
        assert answer.sentence.startswith("For 7.02x the compute (MACs): the published split, ")
        return
    assert answer.way == "choice" and answer.sentence.startswith("For 7.35x the compute (MACs): ")
    assert named == [
        "phi 3, on validation images: the published split scored 72.0 % at 7.02x, and the choice "
        "scored 69.7 % at 7.35x: higher, but not shown to be better"
    ]


def test_two_networks_of_one_name_are_told_apart(stored: Documents) -> None:
    assert list(other_controls(stored)) == [
        "the published split at phi 1 is d1.13-w1.06-r18 (26.6 k params) in the family, "
        "and d1.44-w1.11-r17 (31.2 k params) in the search"
    ]


def test_it_can_be_asked_without_weights(store: Path) -> None:
    advice = compound("advise", STUDY, "--store", str(store), "--gpu-hours", "0.1")
    assert advice.returncode == 0, advice.stderr
    assert "CPU-hours" in advice.stdout and "\nwhy: " in advice.stdout


def test_no_trained_network_within_the_limits_beats_the_advice(store: Path) -> None:
    for limit in (("--multiple", "7.2"), ("--accuracy", "0.7")):
        advice = compound("advise", STUDY, "--store", str(store), *limit)
        assert advice.stdout.startswith("For 7.02x the compute (MACs): the published split, phi 3")
        assert "70.8 % on test images. " in advice.stdout
        assert "next: compound report " in advice.stdout, "the store has no weights"
    small = compound("advise", STUDY, "--store", str(store), "--params", "50k").stdout
    assert small.startswith("For 3.61x the compute (MACs): the published split, phi 2, 36.7 k")


def test_the_next_command_is_typed_where_the_spec_is_gone(store: Path, tmp_path: Path) -> None:
    typed = ("advise", STUDY, "--store", str(store), "--cpu-hours", "0.1")
    advice = compound(*typed).stdout
    first, _, second = advice.rpartition("next: compound ")[2].strip().partition(" && compound ")
    assert compound(*shlex.split(first), cwd=tmp_path).returncode == 0
    words = shlex.split(second)
    spec = load(tmp_path / words[1], [word for word in words if "=" in word]).spec
    assert spec.store == str(store) and spec.family_seeds == 1 and len(spec.phis) == 1
    assert "note: it trains 2 jobs, about " in advice
