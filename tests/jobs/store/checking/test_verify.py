"""`compound verify`: every damaged file is found, named and counted."""

import json
from pathlib import Path

import pytest

from compound.jobs.store.artifacts import ArtifactStore
from compound.orchestrator.__main__ import main
from compound.schemas.architecture import Coefficients
from tests.support.store_samples import JOB, files_of, job, log, result, train


@pytest.fixture
def store(tmp_path: Path) -> ArtifactStore:
    """Two jobs, one ended and one that was cut off, and a study's document."""
    store = ArtifactStore.open(str(tmp_path / "runs"))
    for seed in (0, 1):
        of = job(seed)
        with store.writer(of) as writer:
            if seed == 0:
                train(writer, 1, 2)
                writer.finish(result(2))
    with store.writer(JOB) as writer:
        writer.resume()
        log(writer, 3)
    store.study("s").write("plan.json", Coefficients())
    return store


def verify(store: ArtifactStore, capsys: pytest.CaptureFixture[str], *more: str) -> tuple[int, str]:
    with pytest.raises(SystemExit) as caught:
        main(["verify", "--store", store.uri, *more])
    return int(caught.value.code or 0), capsys.readouterr().out


def test_a_whole_store(store: ArtifactStore, capsys: pytest.CaptureFixture[str]) -> None:
    code, out = verify(store, capsys)
    assert code == 0 and "all as they were written" in out
    code, out = verify(store, capsys, "--json")
    audit = json.loads(out)
    assert code == 0 and audit["intact"] and audit["damaged"] == [] and audit["files"] > 8


EACH = ("model.safetensors", "optimizer.safetensors", "state.json", "rows-*.parquet",
        "manifest-*.json", "job.json", "plan.json")  # fmt: skip


@pytest.mark.parametrize("pattern", EACH)
@pytest.mark.parametrize("how", ["flip", "cut"])
def test_a_damaged_file_is_named(
    store: ArtifactStore, capsys: pytest.CaptureFixture[str], pattern: str, how: str
) -> None:
    path = files_of(store, pattern)[-1]
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 16
    path.write_bytes(data if how == "flip" else data[:-1])
    code, out = verify(store, capsys, "--json")
    audit = json.loads(out)
    assert code == 1 and not audit["intact"]
    assert str(path) in [damage["file"] for damage in audit["damaged"]]
    code, out = verify(store, capsys)
    assert code == 1 and "damaged" in out


def test_what_is_gone_is_damage_too(
    store: ArtifactStore, capsys: pytest.CaptureFixture[str]
) -> None:
    files_of(store, "model.safetensors")[0].unlink()
    code, out = verify(store, capsys, "--json")
    (damage,) = json.loads(out)["damaged"]
    assert code == 1 and "missing" in damage["problem"] and damage["owner"] == JOB.id


def test_a_torn_line_of_events_is_counted(
    store: ArtifactStore, capsys: pytest.CaptureFixture[str]
) -> None:
    Path(store.uri, "studies/s/events.jsonl").write_bytes(b'{"crc32": "00')
    code, out = verify(store, capsys, "--json")
    assert code == 1 and "1 line" in json.loads(out)["damaged"][0]["problem"]


def test_an_unknown_study_is_refused(
    store: ArtifactStore, capsys: pytest.CaptureFixture[str]
) -> None:
    assert verify(store, capsys, "nosuch")[0] == 2


def test_missing_and_damaged_files_are_counted_apart(
    store: ArtifactStore, capsys: pytest.CaptureFixture[str]
) -> None:
    for path in files_of(store, "model.safetensors"):
        path.unlink()
    path = files_of(store, "optimizer.safetensors")[0]
    path.write_bytes(path.read_bytes()[:-1])
    _, out = verify(store, capsys, "--json")
    kinds = [damage["kind"] for damage in json.loads(out)["damaged"]]
    missing = kinds.count("missing")
    assert missing and set(kinds) == {"missing", "damaged"}
    code, out = verify(store, capsys)
    assert code == 1 and f"{missing} missing" in out and f"{len(kinds) - missing} damaged" in out
    assert "next: compound run SPEC    # SPEC: the spec that started the study" in out
