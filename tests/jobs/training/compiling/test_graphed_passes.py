"""Recorded passes: the numbers of plain ones, with nothing of the host's left in them."""

from pathlib import Path

import pytest
import torch
from torch import Tensor

from compound.jobs.run_job import Process, run
from compound.jobs.store.artifacts import ArtifactStore
from compound.jobs.training.compiling.cuda_graphs import recorder_for
from compound.jobs.training.compiling.graphed_passes import max_excess
from compound.jobs.training.data_cache import DataCache
from compound.jobs.training.loop.trainer import Trainer
from compound.schemas.data import SyntheticData
from compound.schemas.job import JobRequest, TrainJob
from tests.support.small_jobs import small_job
from tests.support.standin_runs import network_job
from tests.support.taped_graphs import Tape

RECIPES = {
    "modern": {},
    "paper": {"recipe": "paper", "dropout": 0.3, "survival": 0.5},
    "paper without policy": {"recipe": "paper", "augment": {"policy": "none"}},
    "adamw": {"optimizer": "adamw", "survival": 0.6, "ema": 0.99},
    "accumulated": {"accumulate": 3, "batch": 33, "dropout": 0.2, "ema": 0.9},
    "uneven micro-batches": {"accumulate": 1, "batch": 33, "survival": 0.5},
    "mixed": {"augment": {"mixup": 0.4, "cutmix": 1.0}, "dropout": 0.2},
    "growing": {"resizing": {"start": 0.5, "until": 0.8, "multiple": 2}, "survival": 0.7},
    "ghost norm": {"norm_batch": 8},
    "bfloat16": {"precision": "bfloat16", "recipe": "paper"},
    "cosine, short": {"epochs": 7, "warmup_epochs": 2, "clip_norm": 0.1, "weight_decay": 0.01},
}


def trainer_of(job: TrainJob, splits: int = 1) -> Trainer:
    process = Process.single()
    side = job.architecture.resolution
    source = DataCache().source(job.data, side, job.recipe, process.device, process.threads)
    trainer = Trainer(job, source, process, splits=splits)
    trainer.connect()
    return trainer


def watched(trainer: Trainer, epochs: int) -> list[dict[str, Tensor]]:
    """Train; return all numbers of the trainer after every step."""
    steps: list[dict[str, Tensor]] = []

    def after(done: int, sums: Tensor) -> None:
        now = {"values": trainer.flat.values, "gradients": trainer.flat.gradients, "sums": sums}
        now |= trainer.optimiser.slots | dict(trainer.module.named_buffers())
        now |= {"average": trainer.average.values} if trainer.average else {}
        steps.append({name: tensor.clone() for name, tensor in now.items()})

    for epoch in range(1, epochs + 1):
        trainer.train(epoch, after_step=after)
    steps.append({"losses": trainer._losses.clone()})
    return steps


def bits(tensor: Tensor) -> bytes:
    return tensor.contiguous().numpy().tobytes()


@pytest.mark.parametrize("name", RECIPES)
def test_recorded_steps_have_the_numbers_of_plain_ones(name: str) -> None:
    settings = {"epochs": 7, **RECIPES[name]}
    splits = 2 if name.startswith("uneven") else 1
    job = small_job(**{**settings, "batch": 32} if splits == 2 else settings)
    plain, recorded = trainer_of(job, splits), trainer_of(job, splits)
    recorded.record(tape := Tape())
    expected, found = watched(plain, 7), watched(recorded, 7)
    assert len(expected) - 1 == 7 * plain.steps.per_epoch >= 20
    for step, (before, after) in enumerate(zip(expected, found, strict=True)):
        for part, tensor in before.items():
            assert bits(tensor) == bits(after[part]), f"{part} in step {step + 1}"
    assert recorded.graphs is not None and recorded.graphs.note == ""
    pieces = len(plain._share.pieces)
    assert recorded.graphs.replayed >= pieces * (len(expected) - 1) // 2
    assert len(tape.launches) == pieces * (2 if name == "growing" else 1)


@pytest.mark.parametrize("name", ["paper", "accumulated", "growing"])
def test_gradients_may_lie_with_the_weights_too(name: str, monkeypatch) -> None:
    """A step then begins without any: the first pass makes them, later ones add to them."""
    found = []
    for tape in (None, Tape()):
        trainer = trainer_of(small_job(**{"epochs": 7, **RECIPES[name]}))
        if tape:
            trainer.record(tape)
        update, views = trainer.optimiser.step, trainer.flat.named(trainer.flat.gradients)
        weights = [weight for _, weight in sorted(trainer.module.named_parameters())]
        gathered = [views[key] for key, _ in sorted(trainer.module.named_parameters())]
        _forget(weights)

        def step(rate, number, update=update, weights=weights, gathered=gathered):
            for view, weight in zip(gathered, weights, strict=True):
                view.copy_(weight.grad)
            _forget(weights)
            update(rate, number)

        monkeypatch.setattr(trainer.optimiser, "step", step)
        found.append(watched(trainer, 7))
    for before, after in zip(*found, strict=True):
        assert {key: bits(value) for key, value in before.items()} == {
            key: bits(value) for key, value in after.items()
        }
    assert trainer.graphs is not None and trainer.graphs.note == ""
    assert trainer.graphs.replayed >= (len(found[0]) - 1) // 2


def _forget(weights: list[torch.nn.Parameter]) -> None:
    for weight in weights:
        weight.grad = None


def test_a_recording_is_left_aside_where_gradients_are_others() -> None:
    trainer = trainer_of(small_job(epochs=7))
    trainer.record(Tape())
    watched(trainer, 2)
    assert trainer.graphs is not None and trainer.graphs.replayed == 2
    for weight in trainer.module.parameters():
        weight.grad = torch.zeros_like(weight)
    watched(trainer, 2)
    assert trainer.graphs.replayed == 2 and trainer.graphs.note == ""
    assert any(weight.grad.any() for weight in trainer.module.parameters())


def test_a_recording_that_draws_no_numbers_is_found_out() -> None:
    trainer = trainer_of(small_job(recipe="paper", dropout=0.5, epochs=3))
    plain = trainer_of(small_job(recipe="paper", dropout=0.5, epochs=3))
    trainer.record(Tape(leave_out="bernoulli"))
    found, expected = watched(trainer, 3), watched(plain, 3)
    assert bits(found[-2]["values"]) == bits(expected[-2]["values"])
    assert trainer.graphs is not None and trainer.graphs.replayed == 0
    assert trainer.graphs.note.startswith(
        "graphs: trained without CUDA graphs, as a recorded pass differs "
    )


@pytest.mark.parametrize("name", ["efficientnet-b0", "mobilenet-v2"])
def test_gradients_that_are_nothing_but_rounding_refuse_no_recording(name: str) -> None:
    trainer = trainer_of(network_job(name, 32, images=40, batch=8, epochs=1))
    trainer.record(Tape())
    trainer.train(1)
    assert trainer.graphs is not None
    assert trainer.graphs.note == "" and trainer.graphs.replayed == 1


@pytest.mark.parametrize("fault", [2.0, float("nan"), 1.001])
def test_a_recording_with_other_gradients_is_found_out_beside_noise(fault: float) -> None:
    """The noise is that of a gradient which is rounding alone, as two plain passes show it."""
    weights = [torch.randn(100), torch.randn(10), 1e-8 * torch.randn(10)]
    again = [weights[0] * (1 + 1e-7), weights[1], 1e-8 * torch.randn(10)]
    sound = [weights[0] * (1 - 1e-7), weights[1], 1e-8 * torch.randn(10)]
    assert max_excess(weights, again, sound, 0) <= 1
    for wrong in range(2):
        replayed = [part * fault if wrong == at else part for at, part in enumerate(sound)]
        assert not max_excess(weights, again, replayed, 0) <= 1


def test_tensors_of_different_kinds_have_each_its_own_scale() -> None:
    large, small, count = torch.full((4,), 1e9), torch.full((4,), 1e-3), torch.tensor(3)
    plain = [large, small, count]
    assert max_excess(plain, plain, plain, 3) == 0
    assert max_excess(plain, plain, [large, 1.01 * small, count], 3) > 1
    assert max_excess(plain, plain, [large, small, count + 1], 3) > 1


def test_what_waits_for_the_device_cannot_be_recorded() -> None:
    job = small_job(epochs=3)
    trainer, plain = trainer_of(job), trainer_of(job)
    trainer.module.classifier.register_forward_hook(lambda *given: given[2].sum().item() and None)
    trainer.record(Tape())
    found, expected = watched(trainer, 3), watched(plain, 3)
    assert bits(found[-2]["values"]) == bits(expected[-2]["values"])
    assert trainer.graphs is not None
    assert trainer.graphs.note == (
        "graphs: trained without CUDA graphs, as it cannot be recorded: operation not permitted "
        "when stream is capturing: aten._local_scalar_dense.default"
    )


def test_a_device_that_does_not_wait_is_left_alone() -> None:
    trainer = trainer_of(small_job(epochs=3))
    trainer.record(tape := Tape(waits=False))
    watched(trainer, 3)
    assert trainer.graphs is not None and trainer.graphs.note == ""
    assert trainer.graphs.replayed == 0 and tape.launches == []


def test_a_job_says_that_it_went_without_graphs(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(
        "compound.jobs.training.loop.trainer.recorder_for", lambda *_: Tape(leave_out="convolution")
    )
    job, store = small_job(epochs=3), ArtifactStore.open(str(tmp_path))
    assert list(run(job, store, Process.single(), DataCache()))
    (note,) = store.result(job.id).notes
    assert note.startswith("graphs: trained without CUDA graphs")


def test_the_layer_of_a_loss_that_is_lost_is_still_found(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr("compound.jobs.training.loop.trainer.recorder_for", lambda *_: Tape())
    given = {"learning_rate": 100, "clip_norm": None, "warmup_epochs": 0, "weight_decay": 1}
    data = SyntheticData(source="synthetic", images=1024, validation_images=8, size=8)
    job, store = small_job(data, epochs=6, **given), ArtifactStore.open(str(tmp_path))
    list(run(job, store, Process.single(), DataCache()))
    result = store.result(job.id)
    assert (
        result.cause.kind == "diverged"
        and "is the first that produces such values" in result.cause.message
    )


def test_graphs_are_for_lone_workers_with_a_gpu_and_networks_of_ours(monkeypatch) -> None:
    monkeypatch.setattr("compound.jobs.training.compiling.cuda_graphs.Cuda", lambda device: device)
    module, gpu = trainer_of(small_job()).module, torch.device("cuda")
    alone = Process.single(device=gpu)
    recipe = small_job(graphs="auto").recipe
    assert recorder_for(small_job().recipe, alone, module) is None, "off unless it is set"
    assert recorder_for(recipe, alone, module) == gpu
    assert recorder_for(recipe, Process.single(), module) is None
    assert recorder_for(recipe, Process(0, 2, gpu, 1), module) is None
    assert recorder_for(recipe, alone, torch.nn.Sequential(module)) is None
    for update in ({"compile": True}, {"graphs": False}):
        assert recorder_for(recipe.model_copy(update=update), alone, module) is None


def test_graphs_change_no_identity() -> None:
    assert small_job().id == small_job(graphs=False).id
    assert JobRequest(job=small_job(graphs=False)).job.recipe.graphs is False


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU on this machine")
@pytest.mark.parametrize("name", RECIPES)
def test_a_gpus_graphs_have_the_numbers_of_plain_steps(name: str) -> None:
    job, process = small_job(**{"epochs": 7, **RECIPES[name]}), Process.single(device="cuda")
    found = {}
    for graphs in ("auto", False):
        chosen = job.model_copy(update={"recipe": job.recipe.model_copy(update={"graphs": graphs})})
        source = DataCache().source(job.data, 8, chosen.recipe, process.device, 1)
        trainer = Trainer(chosen, source, process)
        trainer.connect()
        found[graphs] = [trainer.train(epoch).cpu() for epoch in range(1, 8)]
        assert trainer.graphs is None or (trainer.graphs.note == "" and trainer.graphs.replayed)
    for plain, recorded in zip(found[False], found["auto"], strict=True):
        torch.testing.assert_close(recorded, plain, rtol=1e-3, atol=0)
