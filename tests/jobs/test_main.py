"""`python -m jobs` and torchrun: one job without any cluster."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from compound.jobs.__main__ import main
from compound.jobs.run_job import Process, run
from compound.jobs.store.artifacts import ArtifactStore
from compound.jobs.training.data_cache import DataCache
from compound.schemas.job import JobRequest, JobResult, Resources, TrainJob
from tests.support.forked import forked, run_forked
from tests.support.small_jobs import science, small_job, weights

TORCHRUN = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]


def request(folder: Path, job: TrainJob, workers: int = 1) -> str:
    resources = Resources(workers=workers, gpus=0)
    path = folder / "job.json"
    path.write_text(JobRequest(job=job, resources=resources, label="small").model_dump_json())
    return str(path)


def command(job: str, store: Path) -> list[str]:
    return ["compound.jobs", job, "--store", str(store)]


def launched(arguments: list[str]) -> "subprocess.CompletedProcess[str]":
    """Run two ranks under torch's launcher."""
    words = [sys.executable, *TORCHRUN, "-m", *arguments]
    return subprocess.run(words, capture_output=True, text=True, timeout=120)


def interrupted(arguments: list[str], number: signal.Signals, ranks: int = 1) -> tuple[int, str]:
    """Send a signal as soon as the first epoch is reported; return exit code and stdout."""
    with forked(*arguments, ranks=ranks) as child:
        while "epoch 1/" not in child.stderr and child.poll() is None:
            time.sleep(0.01)
        child.send_signal(number)
        return child.wait(), child.stdout


def in_process(job: TrainJob, store: Path) -> ArtifactStore:
    opened = ArtifactStore.open(str(store))
    list(run(job, opened, Process.single(), DataCache()))
    return opened


def test_a_job_on_the_command_line(tmp_path, capfd):
    job = small_job(epochs=2)
    arguments = [request(tmp_path, job), "--store", str(tmp_path / "store"), "--cpus", "1"]
    assert main(arguments) == 0
    out, err = capfd.readouterr()
    result = JobResult.model_validate_json(out)
    assert result == ArtifactStore.open(str(tmp_path / "store")).result(job.id)
    assert [line.split("  ")[:2] for line in err.splitlines()] == [
        ["small", "epoch 1/2"],
        ["small", "epoch 2/2"],
    ]
    assert main(arguments) == 0, "done already"


def test_a_failed_job_exits_with_1(tmp_path, capfd):
    arguments = [request(tmp_path, small_job(batch=200, accumulate=200)), "--store", str(tmp_path)]
    assert main(arguments) == 1
    assert json.loads(capfd.readouterr().out)["cause"]["kind"] == "error"


@pytest.mark.parametrize("content", [None, "{", '{"job": {}}'])
def test_bad_usage_exits_with_2(tmp_path, content, capfd):
    path = tmp_path / "job.json"
    if content is not None:
        path.write_text(content)
    assert main([str(path), "--store", str(tmp_path / "store")]) == 2
    out, err = capfd.readouterr()
    assert out == "" and str(path) in err and "Traceback" not in err
    assert not (tmp_path / "store").exists()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_after_the_epoch_and_the_same_command_resumes(tmp_path, number):
    job = small_job(epochs=20)
    arguments = command(request(tmp_path, job), tmp_path / "store")
    code, out = interrupted(arguments, number)
    stopped = JobResult.model_validate_json(out)
    assert (code, stopped.status, stopped.cause.kind) == (130, "stopped", "interrupted")
    assert 1 <= stopped.epochs < 20
    store = in_process(job, tmp_path / "store")
    assert store.result(job.id).status == "done" and store.result(job.id).attempt == 2
    assert weights(store, job) == weights(in_process(job, tmp_path / "whole"), job)


def test_two_workers_are_one_worker_with_two_micro_batches(tmp_path):
    noisy = {"epochs": 2, "ema": 0.9, "survival": 0.7, "dropout": 0.3}
    two = small_job(**noisy)
    path = request(tmp_path, two, workers=2)
    done = launched(command(path, tmp_path / "store"))
    assert done.returncode == 0, done.stderr
    assert JobResult.model_validate_json(done.stdout).world_size == 2
    one = small_job(**noisy, accumulate=2)
    theirs = ArtifactStore.open(str(tmp_path / "store")).rows(two.id)
    ours = in_process(one, tmp_path / "one").rows(one.id)
    for mine, yours in zip(science(ours), science(theirs), strict=True):
        for name in ("train_loss", "train_accuracy", "learning_rate"):
            assert yours[name] == pytest.approx(mine[name], rel=1e-6)
        assert yours["validation_loss"] == pytest.approx(mine["validation_loss"], rel=1e-5)
        assert yours["validation_accuracy"] * 33 == pytest.approx(
            round(yours["validation_accuracy"] * 33)
        )


@pytest.mark.slow
def test_two_workers_stop_together_and_resume_bit_identical(tmp_path):
    job = small_job(epochs=25, ema=0.9, survival=0.8, dropout=0.1)
    path = request(tmp_path, job, workers=2)
    cut, whole = tmp_path / "cut", tmp_path / "whole"
    interrupted(command(path, cut), signal.SIGTERM, ranks=2)
    store = ArtifactStore.open(str(cut))
    assert store.result(job.id).status == "stopped"
    for place in (cut, whole):
        run_forked(*command(path, place), ranks=2)
    assert store.result(job.id).attempt == 2
    assert weights(store, job) == weights(ArtifactStore.open(str(whole)), job)


@pytest.mark.slow
def test_a_failure_on_one_rank_ends_all_of_them(tmp_path):
    path = request(tmp_path, small_job(), workers=2)
    (tmp_path / "store").mkdir()
    (tmp_path / "store" / "jobs").write_text("in the way")
    ended = launched(command(path, tmp_path / "store"))
    assert ended.returncode == 1
    assert JobResult.model_validate_json(ended.stdout).cause.kind == "storage"
