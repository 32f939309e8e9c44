"""The session for a GPU as one command: its parts run, and one that hangs or dies ends no other."""

import importlib
import io
import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from benchmarks.gpu import on_ray
from benchmarks.gpu.on_ray import requests_of
from benchmarks.gpu.parts import ALL_SECONDS, PARTS, Part, chosen
from benchmarks.gpu.recorder import Recorder
from benchmarks.gpu.runner import Child
from benchmarks.gpu.subjects import Bench
from benchmarks.gpu.table import table
from cluster.local import LocalRunner
from jobs.models.build import build
from schemas.job import JobRequest, TrainJob

ROOT = Path(__file__).parent.parent
WITHOUT_JOBS = ("facts", "collectives")
KINDS = ["cpu", pytest.param("cuda", marks=pytest.mark.gpu)]


@pytest.mark.parametrize("kind", KINDS)
def test_the_command_prints_a_line_for_each_part(kind: str, tmp_path: Path) -> None:
    if kind == "cuda" and not torch.cuda.is_available():
        pytest.skip("no CUDA device here")
    out = tmp_path / "lines.jsonl"
    words = ["--kind", kind, "--only", "9", "0", "--out", str(out)]
    command = [sys.executable, "-m", "benchmarks.gpu", *words]
    ran = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=200)
    lines = [json.loads(text) for text in ran.stdout.splitlines()]
    assert [line["part"] for line in lines] == ["0", "9"]  # in the session's own order
    assert all(line["ok"] for line in lines) == (ran.returncode == 0), ran.stderr
    assert lines[1]["measured"]["join"] == lines[1]["expected"]["join"] == "right"
    assert out.read_text() == ran.stdout
    shown = subprocess.run(
        [*command[:3], "--table", str(out)], capture_output=True, text=True, cwd=ROOT
    )
    assert "| 9 NCCL alone" in shown.stdout


def test_a_part_that_takes_too_long_is_killed_with_what_it_told() -> None:
    child = Child(PARTS[0], "cpu", None)
    line = child.run(0.05)
    assert not line["ok"]
    assert line["error"].startswith("killed after")
    assert child._process.poll() is not None


def test_a_part_that_dies_is_told_with_its_last_words() -> None:
    line = Child(Part("no such part", 5, "none", "none"), "cpu", None).run(60)
    assert not line["ok"]
    assert "no such part" in line["stderr"]


def test_parts_are_chosen_by_name_and_fit_into_eight_minutes() -> None:
    assert [part.name for part in chosen(["10", "0"])] == ["0", "10"]
    assert chosen(None) == PARTS
    assert sum(part.seconds for part in PARTS) <= ALL_SECONDS <= 8 * 60
    with pytest.raises(ValueError, match="no part 12"):
        chosen(["12"])


def test_a_table_sets_what_was_expected_beside_what_was_measured() -> None:
    line = {
        "part": "3",
        "title": "steps",
        "ok": False,
        "seconds": 4.0,
        "expected": {"busy": "> 85%"},
        "measured": {"busy": 0.5, "by line": {"a": 1, "b": 2.5}},
        "wrong": ["busy"],
        "error": "RuntimeError: a | b",
    }
    rows = table([line]).splitlines()
    assert rows[2] == "| 3 steps (4 s) | busy | > 85% | 0.5 | **no** |"
    assert rows[3] == "|  | by line |  | a 1, b 2.5 |  |"
    assert "a \\| b" in rows[4]
    assert rows[-1] == "0 of 1 parts as expected, 4 s."


def everything(kind: str, gpus: int) -> list[object]:
    """Return all jobs and requests of all parts, as they are built on a device of a kind."""
    bench = Bench.of(kind)
    built: list[object] = []
    for part in PARTS:
        module = importlib.import_module(f"benchmarks.gpu.{part.module}")
        if part.module == "on_ray":
            built += [
                one for name in module.KINDS for one in module.requests_of(name, bench.cuda, gpus)
            ]
        elif part.module not in WITHOUT_JOBS:
            jobs = module.jobs(bench)
            assert jobs
            built += jobs.values() if isinstance(jobs, dict) else jobs
    return built


@pytest.mark.parametrize(("kind", "gpus"), [("cpu", 0), ("cuda", 1), ("cuda", 2)])
def test_what_parts_train_is_built_without_a_device(kind: str, gpus: int) -> None:
    built = everything(kind, gpus)
    assert all(isinstance(one, TrainJob | JobRequest) for one in built)
    for one in built:
        job = one.job if isinstance(one, JobRequest) else one
        assert isinstance(job, TrainJob)
        with torch.device("meta"):
            build(job.architecture)


def test_a_divided_network_takes_whole_gpus() -> None:
    assert requests_of("divided", cuda=True, gpus=1) == []
    (request,) = requests_of("divided", cuda=True, gpus=2)
    assert (request.resources.gpus, request.resources.sharding) == (1, "full")
    assert [r.resources.gpus for r in requests_of("two on halves", cuda=True, gpus=1)] == [0.5] * 2


def test_a_kind_of_job_that_is_refused_ends_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    stream, tried = io.StringIO(), []

    def refused(name: str, cuda: bool, gpus: int) -> list[JobRequest]:
        tried.append(name)
        raise ValueError("not so")

    monkeypatch.setattr(on_ray, "requests_of", refused)
    on_ray._jobs(Bench.of("cpu"), Recorder(stream), LocalRunner(), Path("none"), 0)
    told = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert tried == list(on_ray.KINDS) == [line["name"] for line in told]
    assert all(line["ok"] is False and "not so" in line["value"] for line in told)
