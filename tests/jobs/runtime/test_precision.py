"""What `precision` means: float32 in full, products that may round to TF32, or bfloat16."""

from pathlib import Path

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from compound.jobs.data.augment.random_crop import crop, shrink
from compound.jobs.run_job import Process, run
from compound.jobs.runtime.precision import check_precision, float32_of, multiplied
from compound.jobs.runtime.torch_settings import MATMUL, settled
from compound.jobs.store.artifacts import ArtifactStore
from compound.jobs.training.data_cache import DataCache
from compound.schemas.errors import PlanError
from compound.schemas.job import JobResult, TrainJob
from compound.schemas.recipe import Recipe
from tests.support.small_jobs import small_job

CPU, GPU = torch.device("cpu"), torch.device("cuda")
PRECISIONS = ("float32", "tf32", "bfloat16")


def flags() -> dict[str, object]:
    """Read every switch that torch has for this, by the old names and by the new ones."""
    cuda, cudnn = torch.backends.cuda, torch.backends.cudnn
    return {
        "products": cuda.matmul.fp32_precision,
        "products, old": cuda.matmul.allow_tf32,
        "products, oldest": torch.get_float32_matmul_precision(),
        "convolutions": cudnn.conv.fp32_precision,
        "recurrent": cudnn.rnn.fp32_precision,
        "convolutions, old": cudnn.allow_tf32,
    }


FULL = dict(zip(flags(), ("ieee", False, "highest", "ieee", "ieee", False), strict=True))
ROUNDED = dict(zip(flags(), ("tf32", True, "high", "tf32", "tf32", True), strict=True))


def trained(job: TrainJob, folder: Path) -> JobResult:
    epochs = run(job, ArtifactStore.open(str(folder)), Process.single(), DataCache())
    while True:
        try:
            next(epochs)
        except StopIteration as end:
            return end.value


@pytest.mark.parametrize("previous", ["none", "generic", "old", "medium"])
@pytest.mark.parametrize("precision", PRECISIONS)
def test_a_job_sets_every_switch_whatever_it_finds(precision: str, previous: str) -> None:
    before = flags()
    change = {
        "none": lambda: None,
        "generic": lambda: setattr(torch.backends, "fp32_precision", "tf32"),
        "old": lambda: setattr(torch.backends.cuda.matmul, "allow_tf32", True),
        "medium": lambda: torch.set_float32_matmul_precision("medium"),
    }
    with settled(1):  # puts back what this test changes
        change[previous]()
        with settled(1, multiplied(Recipe(precision=precision))):
            assert flags() == (ROUNDED if precision == "tf32" else FULL)
        torch.backends.fp32_precision = "none"
    assert flags() == before


class Reading(TorchDispatchMode):
    """Notes how products are set whenever an operation runs, by what the operation is."""

    def __init__(self) -> None:
        super().__init__()
        self.products, self.convolutions = [], []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        if "mm" in str(func):
            self.products.append(MATMUL.read())
        if "convolution" in str(func):
            self.convolutions.append(torch.backends.cudnn.conv.fp32_precision)
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize("precision", ["float32", "tf32"])
def test_layers_compute_as_the_recipe_says(tmp_path: Path, precision: str) -> None:
    job = small_job(precision=precision, epochs=1)
    with Reading() as seen:
        assert trained(job, tmp_path).status == "done"
    meant = multiplied(job.recipe)
    assert set(seen.products) == set(seen.convolutions) == {meant}


def test_images_are_cropped_in_full_float32_whatever_the_recipe_says() -> None:
    images = torch.randint(256, (4, 3, 12, 12), dtype=torch.uint8)
    boxes = torch.tensor([[0.1, 0.2, 0.5, 0.6]] * 4)
    mirrored = torch.tensor([True, False] * 2)
    plain = crop(images, boxes, mirrored, 8), shrink(images, 8)
    with settled(1, "tf32"), Reading() as seen:
        cropped = crop(images, boxes, mirrored, 8), shrink(images, 8)
        assert MATMUL.read() == "tf32"
    assert len(seen.products) == 4 and set(seen.products) == {"ieee"}
    assert all(map(torch.equal, plain, cropped))


def test_on_a_cpu_tf32_is_float32_and_another_job(tmp_path: Path) -> None:
    plain, rounded = small_job(recipe="paper"), small_job(recipe="paper", precision="tf32")
    metrics = [trained(job, tmp_path).metrics for job in (plain, rounded)]
    assert metrics[0]["train_loss"] == metrics[1]["train_loss"]
    assert metrics[0]["validation_loss"] == metrics[1]["validation_loss"]
    assert plain.id != rounded.id
    assert plain.id == small_job(recipe="paper", precision="float32").id


@pytest.mark.parametrize(
    ("precision", "value", "refused"),
    [
        ("float32", "1", True),
        ("float32", "0", False),
        ("tf32", "0", True),
        ("tf32", "1", False),
        ("bfloat16", "0", False),
        ("bfloat16", "1", False),
    ],
)
def test_an_environment_that_decides_otherwise_is_refused(
    precision: str, value: str, refused: bool
) -> None:
    recipe, forced = Recipe(precision=precision), {"NVIDIA_TF32_OVERRIDE": value}
    with settled(1, multiplied(recipe)):
        check_precision(recipe, GPU, {})
        check_precision(recipe, CPU, forced)
        if not refused:
            check_precision(recipe, GPU, forced)
            return
        with pytest.raises(PlanError, match=f"NVIDIA_TF32_OVERRIDE={value}") as caught:
            check_precision(recipe, GPU, forced)
    assert caught.value.where == "train.precision" and precision not in caught.value.allowed
    assert caught.value.next_step.startswith("unset NVIDIA_TF32_OVERRIDE")


def test_a_switch_that_does_not_hold_is_refused() -> None:
    with settled(1, "tf32"), pytest.raises(PlanError, match="TORCH_ALLOW_TF32_CUBLAS_OVERRIDE=1"):
        check_precision(Recipe(), GPU, {"TORCH_ALLOW_TF32_CUBLAS_OVERRIDE": "1"})


def test_the_record_says_how_float32_was_multiplied(tmp_path: Path, monkeypatch) -> None:
    job, store = small_job(precision="tf32", epochs=1), ArtifactStore.open(str(tmp_path))
    trained(job, tmp_path)
    (writer,) = store.state(job.id).attempts
    assert writer.environment.float32 == "ieee"  # on a CPU
    with settled(1, "tf32"):
        assert float32_of(GPU) == "tf32" and float32_of(CPU) == "ieee"
        monkeypatch.setenv("NVIDIA_TF32_OVERRIDE", "0")
        assert float32_of(GPU) == "ieee"
