"""Do CUDA graphs change what a job learns? The same job with them and without, step by step."""

from dataclasses import dataclass

import torch
from torch import Tensor

from compound.jobs.training.compiling import graphed_passes as graphs
from compound.schemas.job import TrainJob
from tests.support.gpu_session.recorder import Recorder
from tests.support.gpu_session.subjects import Bench, job_of, named, trainer_of

EPOCHS = 2
NEAR = 1e-3
RATE = 0.003
BATCH, IMAGES = 32, 256
"""Small, so that launches bind the step on any GPU: only there are graphs recorded."""


@dataclass(frozen=True)
class Outcome:
    """What a job with graphs came to beside the same job without."""

    losses: float
    """The largest relative difference of a step's loss."""
    weights: float
    """Norm of the weights' difference, of their own norm."""
    noise: float
    """The same of two jobs without graphs: a GPU's kernels may add in any order."""
    steps: int
    replayed: int
    """Passes that recordings took."""
    reason: str
    """Why there are no recordings."""


def job(bench: Bench) -> TrainJob:
    """Return B0 at 32 px; dropout draws numbers, which a recording must draw anew in each step.

    The rate is low: at the recipe's own, rounding of 1e-6 grows to 1e-3 of a loss in twelve steps.
    """
    batch, images = bench.pick((BATCH, IMAGES), (8, 64))
    network = named("efficientnet-b0", 32)
    return job_of(network, images, epochs=EPOCHS, batch=batch, dropout=0.2, learning_rate=RATE)


def compared(bench: Bench, recorder: graphs.Recorder | None = None) -> Outcome:
    """Train with graphs and without, from the same seed; `recorder`: in place of the device's."""
    losses, weights, _ = _trained(bench)
    _, again, _ = _trained(bench)
    own_losses, own_weights, used = _trained(bench, recorder, on=True)
    return Outcome(
        losses=float(((own_losses - losses).abs() / losses.abs()).max()),
        weights=_apart(own_weights, weights),
        noise=_apart(again, weights),
        steps=len(losses),
        replayed=used.replayed if used else 0,
        reason=used.note if used else "",
    )


def tell(bench: Bench, recorder: Recorder) -> None:
    """Tell whether graphs gave the numbers of plain steps, and whether there were any."""
    outcome = compared(bench)
    most = f"<= {NEAR:g}"
    losses, weights = outcome.losses <= NEAR, outcome.weights <= NEAR
    recorder.tell("graphs: losses apart", outcome.losses, most, bench.judged(losses))
    recorder.tell("graphs: weights apart", outcome.weights, most, bench.judged(weights))
    recorder.tell("graphs: weights of two plain runs apart", outcome.noise)
    replayed = bench.judged(outcome.replayed > 0)
    recorder.tell(f"graphs: of {outcome.steps} passes by graphs", outcome.replayed, "> 0", replayed)
    none = bench.judged(not outcome.reason)
    recorder.tell("graphs: told", outcome.reason or "nothing", "nothing", none)


def _trained(
    bench: Bench, recorder: graphs.Recorder | None = None, *, on: bool = False
) -> tuple[Tensor, Tensor, graphs.Graphs | None]:
    """Return the losses of all steps, the weights after them, and what recorded the passes."""
    trainer = trainer_of(job(bench), bench.process, graphs=on)
    if on and recorder:
        trainer.record(recorder)
    losses = []
    for epoch in range(1, EPOCHS + 1):
        trainer.train(epoch)
        losses.append(trainer._losses.clone())
    return torch.cat(losses), trainer.flat.values.detach().clone(), trainer.graphs


def _apart(first: Tensor, second: Tensor) -> float:
    norm = torch.linalg.vector_norm
    return float(norm(first - second) / norm(second))
