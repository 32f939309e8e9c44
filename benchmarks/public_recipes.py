"""Public recipes as loops in plain torch; benchmarks/recipe.py says where each is from."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from compound.jobs.data.batches import Batch, Feeder, Share
from compound.jobs.models.build import build
from compound.jobs.training.data_cache import DataCache
from compound.schemas.architecture import Architecture
from compound.schemas.job import DataRef
from compound.schemas.recipe import Augment

BATCH = 128


class Lamb(torch.optim.Optimizer):
    """Adam's step at the length of the weights (You et al., arXiv 1904.00962), clipped."""

    def __init__(self, parameters: list[nn.Parameter], lr: float, weight_decay: float) -> None:
        super().__init__(parameters, {"lr": lr, "weight_decay": weight_decay})
        self._steps = 0

    @torch.no_grad()
    # torch's own signature has two overloads, for a closure that no loop here has.
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        """Move every parameter."""
        self._steps += 1
        for group in self.param_groups:
            nn.utils.clip_grad_norm_(group["params"], 1.0)
            for weight in group["params"]:
                self._move(weight, group["lr"], group["weight_decay"])

    def _move(self, weight: Tensor, rate: float, decay: float) -> None:
        state = self.state[weight]
        mean = state.setdefault("mean", torch.zeros_like(weight))
        square = state.setdefault("square", torch.zeros_like(weight))
        assert weight.grad is not None
        mean.lerp_(weight.grad, 0.1)
        square.mul_(0.999).addcmul_(weight.grad, weight.grad, value=0.001)
        root = (square / (1 - 0.999**self._steps)).sqrt_().add_(1e-6)
        move = mean / (1 - 0.9**self._steps) / root
        if weight.ndim > 1:
            move.add_(weight, alpha=decay)
            move.mul_(weight.norm() / move.norm().clamp(min=1e-12))
        weight.sub_(move, alpha=rate)


@dataclass(frozen=True)
class PublicRecipe:
    """A public recipe, as a plain loop follows it."""

    initialisation: Any
    augment: Augment
    loss: Callable[[Tensor, Batch], Tensor]
    optimiser: Callable[[nn.Module], torch.optim.Optimizer]
    schedule: Callable[[torch.optim.Optimizer, int], torch.optim.lr_scheduler.LRScheduler]


def sgd(rate: float, decay: float, norm_decay: float, *, nesterov: bool) -> Any:
    """Return what makes SGD for a network, with another weight decay for norms and biases."""

    def optimiser_of(module: nn.Module) -> torch.optim.Optimizer:
        weights = [weight for weight in module.parameters() if weight.ndim > 1]
        norms_and_biases = [weight for weight in module.parameters() if weight.ndim <= 1]
        groups = [
            {"params": weights, "weight_decay": decay},
            {"params": norms_and_biases, "weight_decay": norm_decay},
        ]
        return torch.optim.SGD(groups, lr=rate, momentum=0.9, nesterov=nesterov)

    return optimiser_of


def one_cycle(rate: float) -> Any:
    """Return torch's OneCycleLR with its own shape."""

    def schedule_of(optimiser: torch.optim.Optimizer, steps: int) -> Any:
        return torch.optim.lr_scheduler.OneCycleLR(
            optimiser, rate, total_steps=steps, cycle_momentum=False
        )

    return schedule_of


def warm_cosine(optimiser: torch.optim.Optimizer, steps: int) -> Any:
    """Rise over a twentieth of the steps, then fall along a cosine."""
    warmup = max(1, steps // 20)
    schedulers = torch.optim.lr_scheduler
    rising = schedulers.LinearLR(optimiser, 0.01, total_iters=warmup)
    falling = schedulers.CosineAnnealingLR(optimiser, steps - warmup)
    return schedulers.SequentialLR(optimiser, [rising, falling], [warmup])


def smoothed_loss(smoothing: float) -> Callable[[Tensor, Batch], Tensor]:
    """Return cross-entropy on smoothed labels."""
    return lambda logits, batch: functional.cross_entropy(
        logits, batch.labels, label_smoothing=smoothing
    )


def binary_loss(logits: Tensor, batch: Batch) -> Tensor:
    """Return the binary cross-entropy of every class with the shares of mixed labels."""
    targets = functional.one_hot(batch.labels, logits.shape[1]).float()
    if batch.share is not None and batch.mixed_labels is not None:
        mixed = functional.one_hot(batch.mixed_labels, logits.shape[1]).float()
        share = batch.share[:, None]
        targets = share * targets + (1 - share) * mixed
    return functional.binary_cross_entropy_with_logits(logits, targets)


PUBLIC_RECIPES = {
    "plain": PublicRecipe(
        "torch", Augment(), smoothed_loss(0), sgd(0.2, 5e-4, 5e-4, nesterov=True), one_cycle(0.2)
    ),
    "torchvision": PublicRecipe(
        "family", Augment(), smoothed_loss(0.1), sgd(0.0625, 2e-5, 0, nesterov=False), warm_cosine
    ),
    "a3": PublicRecipe(
        "family",
        Augment(policy="randaugment", magnitude=6, mixup=0.1, cutmix=1),
        binary_loss,
        lambda module: Lamb(list(module.parameters()), 8e-3 * (BATCH / 2048) ** 0.5, 0.02),
        warm_cosine,
    ),
}


def train_public(network: Architecture, data: DataRef, name: str, epochs: int, seed: int) -> float:
    """Return the accuracy that a public recipe reaches."""
    recipe = PUBLIC_RECIPES[name]
    images = DataCache().at(data, network.resolution)
    feeder = Feeder(images, recipe.augment, torch.device("cpu"))
    torch.manual_seed(seed)
    with_epsilon = network.model_copy(update={"norm_epsilon": 1e-5})
    module = build(with_epsilon, initialisation=recipe.initialisation, norm_momentum=0.1)
    optimiser = recipe.optimiser(module)
    schedule = recipe.schedule(optimiser, epochs * (feeder.images // BATCH))
    share = Share.of(BATCH, BATCH, 0, 1)
    for epoch in range(1, epochs + 1):
        module.train()
        for batch in feeder.training(seed, epoch, share):
            optimiser.zero_grad()
            recipe.loss(module(batch.images), batch).backward()  # type: ignore[no-untyped-call]
            optimiser.step()
            schedule.step()
    return accuracy(module, feeder)


@torch.inference_mode()
def accuracy(module: nn.Module, feeder: Feeder) -> float:
    """Return the fraction of held-out images that are classified correctly."""
    module.eval()
    right = sum(
        int((module(batch.images).argmax(1) == batch.labels).sum())
        for batch in feeder.validation(0, 1, 500)
    )
    return right / feeder.held_out
