"""A study whose family is trained along several ways: plan, run, status, report, run again."""

import json
import re
from pathlib import Path

import pytest

from compound.jobs.data.source import inspect
from compound.jobs.store.artifacts import ArtifactStore
from compound.orchestrator.prepare import prepare
from compound.orchestrator.records.arrow_tables import candidates
from compound.orchestrator.records.documents import Documents, documents
from compound.orchestrator.records.final_networks import final_networks
from compound.orchestrator.spec.load import load
from compound.orchestrator.wording.final_texts import result_text
from compound.schemas.errors import SpecError
from compound.schemas.final_evaluation import NetworkScore
from compound.schemas.job import TrainJob
from tests.support.command import compound
from tests.support.simulated_studies import Simulated
from tests.support.small_study import SPEC, carry_out

WAYS = ("family.along=[depth,choice,published]", "family.seeds=2")


@pytest.fixture
def spec(tmp_path: Path) -> Path:
    path = tmp_path / "small.yaml"
    path.write_text(SPEC.format(store=tmp_path / "runs", epochs=2))
    return path


def answer(job: TrainJob) -> float:
    """Wide networks of many pixels are best, with a little noise."""
    size = job.architecture.resolution * sum(s.channels for s in job.architecture.stages)
    return round(64 * (0.5 + size / 3000 + 0.02 * job.seed)) / 64


def trained(spec: Path, *overrides: str) -> tuple[list[tuple[str, int, int]], Documents]:
    log, store = carry_out(spec, *overrides, runner=Simulated(answer))
    stored = documents(store.study("small"))
    assert stored is not None
    return log.phases, stored


def test_ways_are_trained_once_and_compared(spec: Path) -> None:
    phases, stored = trained(spec, *WAYS)
    assert stored.family and stored.along and stored.verdict
    title, jobs, pending = phases[-1]
    assert (title, jobs) == ("family", len(stored.family.jobs))
    # The search has the baseline by the same recipe, and the choice at phi 1.
    assert pending < jobs
    assert [member.along for member in stored.family.line] == ["choice", "choice"]
    assert {point.along for point in stored.along.points} == {"choice", "depth", "published"}
    assert len(stored.along.baseline) == 2
    assert stored.along.sentence
    again, _ = trained(spec, *WAYS)
    assert all(pending == 0 for _, _, pending in again)


def test_what_is_said_of_phi_is_of_the_choices_line(spec: Path) -> None:
    _, stored = trained(spec, *WAYS)
    _, alone = trained(spec)
    assert stored.law and alone.law and alone.family and stored.family
    assert [p.phi for p in stored.law.points] == [p.phi for p in alone.law.points]
    assert alone.along is None
    networks = final_networks(stored)
    family = [network for network in networks if network.role == "family"]
    assert [network.phi for network in family] == [1, 2]
    others = [network for network in networks if network.role == "compared"]
    assert len(others) == len(stored.family.members) - 2
    assert {network.name.partition(", ")[2] for network in others} == {
        "depth alone",
        "the published split",
    }


def test_the_test_sentence_names_the_largest_of_the_line() -> None:
    scores = [
        NetworkScore(role="family", network="a", name="phi 1", planned=1, accuracy=0.5),
        NetworkScore(role="family", network="b", name="phi 2", planned=1, accuracy=0.6),
        NetworkScore(role="compared", network="c", name="phi 2, x", planned=1, accuracy=0.9),
    ]
    text = result_text(scores, 100, 0.9)
    assert "phi 2" in text
    assert "90.0" not in text


def test_status_report_and_tables_have_the_comparison(spec: Path, tmp_path: Path) -> None:
    _, stored = trained(spec, *WAYS)
    assert stored.along and stored.family
    uri = str(tmp_path / "runs")
    shown = compound("status", "small", "--store", uri).stdout.casefold()
    sentences = re.split(r"(?<=\.) (?=[A-Z])", stored.along.sentence)
    assert [shown.count(text.casefold()) for text in sentences] == [1] * len(sentences)
    status = json.loads(compound("status", "small", "--store", uri, "--json").stdout)
    assert status["along"] == stored.along.sentence
    page = Path(compound("report", "small", "--store", uri).stdout.strip()).read_text()
    assert 'id="along"' in page
    assert 'id="figure-along"' in page
    store = ArtifactStore.open(uri, create=False)
    roles = candidates(store, "small", stored).column("roles").to_pylist()
    assert {"family", "family depth"} <= {*roles}


def test_a_run_prints_the_table_and_the_sentence(spec: Path) -> None:
    options = ("--runner", "local", "--set", "family.phi=[1]", "--set", "train.epochs=1")
    ways = [word for way in WAYS for word in ("--set", way)]
    ran = compound("run", str(spec), *options, *ways)
    assert ran.returncode == 0, ran.stderr
    assert "ways of scaling at equal cost, 90 % intervals" in ran.stdout
    assert "depth alone" in ran.stdout
    ran = compound("run", str(spec), *options, *ways, "--json")
    final = json.loads(ran.stdout.splitlines()[-1])
    assert [member["phi"] for member in final["family"]] == [1]
    assert final["along"]["sentence"]


def test_a_plan_counts_every_way_and_says_who_is_left_out(spec: Path) -> None:
    overrides = (*WAYS, "family.phi=[1,2,-4]", "search.budget.tolerance=0.12")
    file = load(spec, overrides)
    prepared = prepare(file.spec, inspect(file.spec.data), None)
    family = prepared.forecast.family
    assert {(m.phi, m.along) for m in family.members} >= {(0, "choice"), (1, "depth")}
    assert [m.phi for m in family.members] == sorted(
        (m.phi for m in family.members), key=[0.0, 1.0, 2.0, -4.0].index
    )
    assert all(member.jobs == 2 for member in family.members)
    most = max(len(plan.jobs) for plan in prepared.families)
    assert family.most.jobs <= most
    cautions = [text for text in prepared.forecast.cautions if "left out for" in text]
    assert any(text.startswith("along depth at phi -4, left out for ") for text in cautions)
    assert all("the nearest network costs" in text for text in cautions)
    words = [word for way in overrides for word in ("--set", way)]
    planned = compound("plan", str(spec), *words)
    assert "published" in planned.stdout
    assert "--json" in planned.stderr.splitlines()[-1]
    whole = json.loads(compound("plan", str(spec), *words, "--json").stdout)
    assert {*cautions} <= {*whole["warnings"]}
    assert {row["along"] for row in whole["family"]} == {"choice", "depth", "published"}


@pytest.mark.parametrize(
    ("along", "words"),
    [
        ("[depth]", "choice is missing"),
        ("[]", "choice is missing"),
        ("[choice, depth, depth]", "depth is named twice"),
        ("[choice, heigth]", "no such"),
        ("choice", "along"),
    ],
)
def test_wrong_ways_are_refused(spec: Path, along: str, words: str) -> None:
    with pytest.raises(SpecError) as refused:
        load(spec, (f"family.along={along}",))
    assert words in str(refused.value)
