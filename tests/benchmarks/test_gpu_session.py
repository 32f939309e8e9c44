"""The session for a GPU as one command: its parts run, and one that hangs or dies ends no other."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from pydantic import TypeAdapter

from compound.jobs.gpu.visible_gpus import gpus_here
from compound.jobs.models.build import build
from compound.schemas.job import JobRequest, TrainJob
from tests.support.forked import run_forked
from tests.support.gpu_session.parts import ALL_SECONDS, PARTS, Part, chosen
from tests.support.gpu_session.runner import Child
from tests.support.gpu_session.table import opened_for_more, read, report, table

ROOT = Path(__file__).parents[2]
TRAINED: TypeAdapter[TrainJob | JobRequest] = TypeAdapter(TrainJob | JobRequest)
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
    assert {line["kind"] for line in lines} == {kind} and all(line["date"] for line in lines)
    assert out.read_text() == ran.stdout
    shown = run_forked("benchmarks.gpu", "--table", str(out))
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


PROGRAM = """
import importlib, io, json
from pathlib import Path

from benchmarks.gpu import on_ray
from compound.cluster.local_runner import LocalRunner
from tests.support.gpu_session.parts import PARTS
from tests.support.gpu_session.recorder import Recorder
from tests.support.gpu_session.subjects import Bench


def jobs_of(kind, gpus):
    bench, jobs = Bench.of(kind), {}
    for part in PARTS:
        module = importlib.import_module(f"benchmarks.gpu.{part.module}")
        if part.module == "on_ray":
            for name in module.KINDS:
                jobs[name] = module.requests_of(name, bench.cuda, gpus)
        elif hasattr(module, "jobs"):
            made = module.jobs(bench)
            jobs[part.module] = list(made.values() if isinstance(made, dict) else made)
    return {name: [job.model_dump_json() for job in made] for name, made in jobs.items()}


def refused(name, cuda, gpus):
    tried.append(name)
    raise ValueError("not so")


HOSTS = [("cpu", 0), ("cuda", 1), ("cuda", 2)]
built = {f"{kind} {gpus}": jobs_of(kind, gpus) for kind, gpus in HOSTS}
stream, tried = io.StringIO(), []
on_ray.requests_of = refused
on_ray._jobs(Bench.of("cpu"), Recorder(stream), LocalRunner(), Path("none"), 0)
figures = stream.getvalue()
print(json.dumps({"built": built, "kinds": on_ray.KINDS, "tried": tried, "figures": figures}))
"""
"""A process of its own imports the session's parts: benchmarks import the tests, not vice versa."""


@pytest.fixture(scope="module")
def parts() -> dict[str, Any]:
    """What all parts train on three kinds of hosts, and what a refused kind of job leaves."""
    ran = run_forked("-c", PROGRAM)
    return json.loads(ran.stdout)


@pytest.mark.parametrize("host", ["cpu 0", "cuda 1", "cuda 2"])
def test_what_parts_train_is_built_without_a_device(host: str, parts: dict[str, Any]) -> None:
    built = parts["built"][host]
    modules = {part.module for part in PARTS} - {*WITHOUT_JOBS, "on_ray"}
    assert {*built} == modules | {*parts["kinds"]}
    assert all(built[module] for module in modules)
    for texts in built.values():
        for text in texts:
            made = TRAINED.validate_json(text)
            job = made.job if isinstance(made, JobRequest) else made
            assert isinstance(job, TrainJob)
            with torch.device("meta"):
                build(job.architecture)


def requests(texts: list[str]) -> list[JobRequest]:
    return [JobRequest.model_validate_json(text) for text in texts]


def test_a_divided_network_takes_whole_gpus(parts: dict[str, Any]) -> None:
    assert parts["built"]["cuda 1"]["divided"] == []
    (request,) = requests(parts["built"]["cuda 2"]["divided"])
    assert (request.resources.gpus, request.resources.parallel) == (1, "full")
    halves = requests(parts["built"]["cuda 1"]["two on halves"])
    assert [request.resources.gpus for request in halves] == [0.5] * 2


def test_a_kind_of_job_that_is_refused_ends_no_other(parts: dict[str, Any]) -> None:
    figures = [json.loads(line) for line in parts["figures"].splitlines()]
    assert parts["tried"] == parts["kinds"] == [figure["name"] for figure in figures]
    assert all(figure["ok"] is False and "not so" in figure["value"] for figure in figures)


def command(*words: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "benchmarks.gpu", *words],
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=100,
        env={**os.environ, **environment},
    )


@pytest.mark.parametrize(
    ("words", "text"),
    [
        ([], "one of the arguments --kind --table is required"),
        (["--kind", "cpu", "--only", "99"], "no part 99; parts: 0 1 2 3 rates"),
        (["--table", "/nonexist"], "/nonexist: No such file or directory"),
        (["--table", "/"], "/: Is a directory"),
        (
            ["--kind", "cpu", "--only", "9", "--out", "/nodir/x.jsonl"],
            "/nodir/x.jsonl: No such file",
        ),
        (["--table", "/dev/null"], "/dev/null holds no whole line of a session"),
    ],
)
def test_what_is_typed_wrongly_is_told_in_a_sentence(words: list[str], text: str) -> None:
    ran = command(*words)
    assert (ran.returncode, ran.stdout) == (2, "")
    assert text in ran.stderr and "Traceback" not in ran.stderr


@pytest.mark.skipif(bool(gpus_here().devices), reason="there is a GPU here")
def test_without_a_gpu_no_part_of_a_session_on_one_runs(tmp_path: Path) -> None:
    ran = command("--kind", "cuda", "--out", str(tmp_path / "lines.jsonl"))
    assert (ran.returncode, ran.stdout) == (1, "")
    assert gpus_here().limitation in ran.stderr and "next: compound doctor" in ran.stderr
    assert list(tmp_path.iterdir()) == []


def line_of(part: str, **update: object) -> dict[str, object]:
    return {"kind": "cpu", "date": "D", "part": part, "title": "t", "ok": True, **update}


def test_a_file_of_two_sessions_and_a_cut_line_is_read(tmp_path: Path) -> None:
    out = tmp_path / "lines.jsonl"
    lines = [line_of("0", ok=False), line_of("0", measured={"wrong": []}), line_of("9")]
    texts = [*map(json.dumps, lines), '{"part": "10", "o']
    out.write_text("\n".join(texts))
    ran = command("--table", str(out))
    assert ran.returncode == 1  # what the cut line said is not known
    assert "2 of 2 parts as expected" in ran.stdout and "| wrong |  | nothing |" in ran.stdout
    assert "Left out: 1 lines of parts that ran again" in ran.stdout
    assert "Left out: 1 lines that are cut" in ran.stdout
    assert "Without a line: 1, 2, 3" in ran.stdout
    with opened_for_more(out) as file:
        file.write(json.dumps(line_of("2")) + "\n")
    assert [line["part"] for line in read(out)[0]] == ["0", "0", "9", "2"]


def test_a_table_exits_with_one_where_a_part_failed(tmp_path: Path) -> None:
    out = tmp_path / "lines.jsonl"
    for good in (False, True):
        out.write_text(json.dumps(line_of("0", ok=good)) + "\n")
        assert command("--table", str(out)).returncode == (0 if good else 1)


def test_a_rehearsal_is_told_apart_from_a_session() -> None:
    figures = {"expected": {"busy": "> 85%"}, "measured": {"busy": 0.5}, "unjudged": ["busy"]}
    text = report([line_of("3", **figures), line_of("3", kind="cuda")], 0)
    rehearsal, _, session = text.partition("On a GPU, D")
    assert "REHEARSAL on a CPU" in rehearsal and "| > 85% | 0.5 | not judged |" in rehearsal
    assert "1 of 1 parts" in rehearsal and "1 of 1 parts" in session
