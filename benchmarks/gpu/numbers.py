"""Part 1: do jobs on the device give the numbers that a CPU gives?"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from compound.jobs.data.augment.augment import Augmenter
from compound.jobs.store.artifacts import ArtifactStore
from compound.schemas.job import JobRequest, Resources, TrainJob
from compound.schemas.recipe import Augment
from tests.support.gpu_session import graphs_compared as graphs
from tests.support.gpu_session.recorder import Recorder
from tests.support.gpu_session.subjects import HEAVY, Bench, job_of, trained
from tests.support.small_network import SMALL

RECIPES: dict[str, dict[str, Any]] = {
    "modern": {},
    "modern, tf32": {"precision": "tf32"},
    "paper": {"recipe": "paper"},
    "heavy": HEAVY,
    "adamw, bfloat16": {"optimizer": "adamw", "learning_rate": 1e-3, "precision": "bfloat16"},
}
CHANGES = {
    "shift": Augment(),
    "resized": Augment(crop="resized"),
    "autoaugment": Augment(policy="autoaugment"),
    "randaugment": Augment(policy="randaugment"),
    "cutout": Augment(cutout=0.25),
}
_NEAR = 0.02
_NEARER = 1e-4
"""How near the first epoch's loss has to be: of other recipes, and of `modern` in full float32."""


def measure(bench: Bench, recorder: Recorder) -> None:
    """Train each recipe on the device and, meanwhile, in processes on the CPU."""
    by_name = {name: _job(recipe) for name, recipe in RECIPES.items()}
    with tempfile.TemporaryDirectory() as folder:
        with _on_cpu(by_name, Path(folder)) as store:
            _by_command(bench, recorder, by_name["modern"], Path(folder))
            for name, job in by_name.items():
                result = trained(job, bench, f"{folder}/device")
                recorder.tell(f"{name}: status", result.status, "done", result.status == "done")
            _resumed(bench, recorder, by_name["paper"], folder)
        plain = ArtifactStore.open(store)
        for name, job in by_name.items():
            loss = _loss(ArtifactStore.open(f"{folder}/device"), job)
            most = _NEARER if name == "modern" else _NEAR
            _near(recorder, name, loss, _loss(plain, job), most)
    graphs.tell(bench, recorder)
    for policy, augment in CHANGES.items():
        _same_bytes(bench, recorder, policy, augment)


def jobs(bench: Bench) -> list[JobRequest]:
    """Return requests for all jobs of this part."""
    made = [*map(_job, RECIPES.values()), graphs.job(bench)]
    return [request(job, bench.pick(1, 0)) for job in made]


def request(job: TrainJob, gpus: int) -> JobRequest:
    """Return what `python -m compound.jobs` is given."""
    return JobRequest(job=job, resources=Resources(gpus=gpus, cpus=1))


def _job(recipe: dict[str, Any]) -> TrainJob:
    return job_of(SMALL, images=256, epochs=2, batch=64, checkpoint_steps=2, **recipe)


@contextmanager
def _on_cpu(jobs: dict[str, TrainJob], folder: Path) -> Iterator[str]:
    """Train jobs by compound.jobs on the CPU while the block runs; yield their store."""
    children = [_command(job, folder, gpus=0) for job in jobs.values()]
    try:
        yield str(folder / "0")
        for child in children:
            child.communicate()
    finally:
        for child in children:
            child.kill()


def _command(job: TrainJob, folder: Path, gpus: int) -> "subprocess.Popen[bytes]":
    file = folder / f"{job.id}-{gpus}.json"
    file.write_text(request(job, gpus).model_dump_json())
    command = [sys.executable, "-m", "compound.jobs", str(file), "--store", str(folder / str(gpus))]
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, env={**os.environ, "OMP_NUM_THREADS": "1"}
    )


def _by_command(bench: Bench, recorder: Recorder, job: TrainJob, folder: Path) -> None:
    """Train a job by `python -m compound.jobs`, as torchrun and the local runner do."""
    gpus = 1 if bench.cuda else 0
    (folder / "command").mkdir()
    child = _command(job, folder / "command", gpus)
    output, _ = child.communicate()
    status = json.loads(output)["status"] if output else f"exit code {child.returncode}"
    recorder.tell("python -m compound.jobs", status, "done", status == "done")


def _resumed(bench: Bench, recorder: Recorder, job: TrainJob, folder: str) -> None:
    """Stop a job inside its first epoch, go on, and compare with the one never stopped."""
    stop = iter([False, False, True])
    first = trained(job, bench, f"{folder}/stopped", stopping=lambda: next(stop, True))
    recorder.tell("stopped: status", first.status, "stopped", first.status == "stopped")
    second = trained(job, bench, f"{folder}/stopped")
    recorder.tell("resumed: status", second.status, "done", second.status == "done")
    stores = (f"{folder}/stopped", f"{folder}/device")
    resumed, whole = (_loss(ArtifactStore.open(store), job, epoch=-1) for store in stores)
    _near(recorder, "resumed, last epoch", resumed, whole, 1e-3)


def _loss(store: ArtifactStore, job: TrainJob, epoch: int = 0) -> float:
    rows = store.rows(job.id)
    return rows[epoch].metrics["train_loss"] if rows else float("nan")


def _near(recorder: Recorder, name: str, loss: float, reference: float, most: float) -> None:
    apart = abs(loss / reference - 1)
    expected = f"within {most:g} of {reference:.4f}"
    recorder.tell(f"{name}: loss", {"loss": loss, "apart": apart}, expected, apart <= most)


def _same_bytes(bench: Bench, recorder: Recorder, policy: str, augment: Augment) -> None:
    """Apply the same draws on both devices, and again under lower precision of products."""
    side, images = 32, 128
    pixels = torch.randint(256, (images, 3, side, side), dtype=torch.uint8)
    mean = torch.full((3,), 120.0)
    outputs = []
    for device in (torch.device("cpu"), bench.device):
        augmenter = Augmenter(augment, mean.to(device), side)
        draws = augmenter.draw(0, 1, images)
        outputs.append(augmenter.apply(pixels.to(device), draws.of(torch.arange(images))).cpu())
    differ = _part_apart(*outputs)
    most = 1e-4 if augment.policy != "none" else 0
    recorder.tell(f"{policy}: bytes apart", differ, f"at most {most:g}", differ <= most)
    if policy == "resized":
        before = torch.get_float32_matmul_precision()
        torch.set_float32_matmul_precision("high")
        again = augmenter.apply(pixels.to(bench.device), draws.of(torch.arange(images))).cpu()
        torch.set_float32_matmul_precision(before)
        apart = _part_apart(outputs[0], again)
        recorder.tell("resized: bytes apart with TF32", apart, "above 0 unless crops turn it off")


def _part_apart(first: torch.Tensor, second: torch.Tensor) -> float:
    return float((first != second).float().mean())
