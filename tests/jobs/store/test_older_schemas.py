"""Stores of every schema there was: read by every command, and gone on with."""

import json
import re
import tarfile
from pathlib import Path

import pytest

from compound.jobs.store.artifacts import ArtifactStore
from compound.jobs.store.format.checksummed_json import sha256
from compound.jobs.store.format.schema_version import SCHEMA_VERSION
from compound.orchestrator.__main__ import main

FOLDER = Path(__file__).parents[2] / "stores"
SPEC = FOLDER / "small.yaml"
SCHEMAS = sorted(int(path.name[7:-7]) for path in FOLDER.glob("schema-*.tar.gz"))


def test_every_schema_is_kept_here() -> None:
    assert list(range(1, SCHEMA_VERSION + 1)) == SCHEMAS


@pytest.fixture(params=SCHEMAS)
def schema(request: pytest.FixtureRequest) -> int:
    return request.param


@pytest.fixture
def store(schema: int, tmp_path: Path) -> Path:
    with tarfile.open(FOLDER / f"schema-{schema}.tar.gz") as archive:
        archive.extractall(tmp_path, filter="data")
    return tmp_path / "runs"


@pytest.fixture
def expected(schema: int) -> dict[str, tuple[str, list[float]]]:
    """Return what the program that wrote the store read in it: status and losses by job."""
    return json.loads((FOLDER / f"schema-{schema}.json").read_text())


def compound(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    code = 0
    try:
        main([*words])
    except SystemExit as end:
        code = int(end.code or 0)
    out = capsys.readouterr()
    return code, out.out, out.err


def losses(store: ArtifactStore, job: str) -> list[float]:
    return [row.metrics["train_loss"] for row in store.rows(job)]


def test_it_reads_as_it_did(store: Path, expected: dict[str, tuple[str, list[float]]]) -> None:
    read = ArtifactStore.open(str(store), create=False)
    assert {job: (read.state(job).status, losses(read, job)) for job in expected} == {
        job: (status, values) for job, (status, values) in expected.items()
    }
    statuses = sorted(status for status, _ in expected.values())
    assert statuses == [*3 * ["absent"], *2 * ["done"], "failed", *2 * ["stopped"]]
    for job in read.jobs():
        checkpoint = read.checkpoint(job)
        assert (checkpoint is None) == (expected[job][0] == "failed")
        assert read.job(job).id == job
        if checkpoint:
            assert checkpoint.model() and checkpoint.optimizer()
    events = read.study("small").events()
    assert [event.wall_time for event in events] == [None] * 5 and len(read.profiles()) == 1


def test_every_reading_command(
    store: Path, capsys: pytest.CaptureFixture[str], expected: dict[str, tuple[str, list[float]]]
) -> None:
    where = ("--store", str(store))
    code, out, _ = compound(capsys, "status", "small", *where, "--json")
    assert code == 0
    counts = {"done": 2, "failed": 1, "interrupted": 1, "stopped": 1, "queued": 3}
    assert json.loads(out)["counts"] == counts
    code, out, _ = compound(capsys, "metrics", "small", *where, "--json")
    epochs = sum(len(values) for _, values in expected.values())
    assert code == 0 and len({(row["job"], row["epoch"]) for row in json.loads(out)}) == epochs
    for words in (("verify",), ("verify", "small"), ("fsck",), ("fsck", "small")):
        code, out, _ = compound(capsys, *words, *where, "--json")
        output = json.loads(out)
        assert code == 0 and output.get("damaged", []) == output.get("found", []) == [], out
    done = next(job for job, (status, _) in expected.items() if status == "done")
    target = store.with_name("weights.safetensors")
    code, _, _ = compound(capsys, "export", done, str(target), *where)
    assert code == 0 and target.stat().st_size > 1000
    code, _, _ = compound(capsys, "gc", "small", *where)
    assert code == 0
    code, _, err = compound(capsys, "report", "small", *where)
    assert code == 0, err


FORMER = (
    "train.learning_rate=0.1",
    "train.nesterov=false",
    "train.initialisation=family",
    "train.warmup_epochs=1",
    "search.recipe_check=false",
)
"""What a spec that said nothing got when these stores were written."""


def test_it_goes_on(
    store: Path, capsys: pytest.CaptureFixture[str], expected: dict[str, tuple[str, list[float]]]
) -> None:
    sets = [word for text in (*FORMER, f"store={store}") for word in ("--set", text)]
    code, _, err = compound(capsys, "run", str(SPEC), "--runner", "local", "--json", *sets)
    assert code == 1, "one of its jobs ended failed, years ago"
    assert "search: 8 jobs, 2 done before, 1 failed before" in err, err
    opened = ArtifactStore.open(str(store), create=False)
    for job, (status, before) in expected.items():
        after = losses(opened, job)
        assert len(after) == (0 if status == "failed" else 4)
        epochs = before if status == "done" else before[:2]
        assert after[: len(epochs)] == epochs, "the last checkpoint is of the second epoch"
    assert opened.audit(opened.jobs(), opened.studies()).damaged == ()
    assert compound(capsys, "fsck", str(store), "--older-than", "0")[0] == 0


def test_a_newer_one_is_refused_with_both_versions(
    store: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    marker = store / "store.json"
    version = b'"schema_version": %d' % (SCHEMA_VERSION + 1)
    fields = marker.read_bytes()[76:].split(b'"schema_version": ')
    rest = fields[0] + version + fields[1][1:]
    marker.write_bytes(b'{"sha256": "' + sha256(rest).encode() + rest)
    before = {path: path.read_bytes() for path in store.rglob("*") if path.is_file()}
    where = ("--store", str(store))
    commands = [("status", "small"), ("metrics", "small"), ("report", "small"), ("verify",),
                ("fsck",), ("gc", "small"), ("export", "0" * 16, "x.safetensors")]  # fmt: skip
    runs = [(*words, *where) for words in commands]
    for words in [*runs, ("run", str(SPEC), "--runner", "local", "--set", f"store={store}")]:
        code, _, err = compound(capsys, *words)
        assert code == 2 and f"schema {SCHEMA_VERSION + 1}" in err, err
        assert f"reads up to {SCHEMA_VERSION}" in err and "Traceback" not in err
    assert {path: path.read_bytes() for path in store.rglob("*") if path.is_file()} == before


def test_the_marker_is_one_that_a_program_of_any_age_reads(tmp_path: Path) -> None:
    ArtifactStore.open(str(tmp_path))
    head = rb'\{"sha256": "[0-9a-f]{64}", "schema_version": \d+, "kind": "\w+", "content": \{'
    assert re.match(head, (tmp_path / "store.json").read_bytes())


def test_todays_defaults_train_anew_and_say_so(
    store: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    where = ("--runner", "local", "--set", f"store={store}", "--set", "train.epochs=4")
    code, _, err = compound(capsys, "run", str(SPEC), *where, "--json")
    assert code == 0, "the failed job is no job of today's recipe"
    assert "search: 8 jobs, 2 done before" in err, "the recipe check has trained two"
    assert "warning: study 'small' was begun by another version" in err
    assert "train.learning_rate: 0.1 -> 0.6, train.nesterov: False -> True" in err


def test_a_retry_by_name_goes_on_with_the_stored_recipe(
    store: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, _, err = compound(capsys, "retry", "small", "--store", str(store), "--runner", "local")
    assert code == 0, err
    assert "recipe:" not in err and "search: 8 jobs, 2 done before" in err
