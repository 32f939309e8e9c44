"""Number of steps, their images and their learning rate. Plain arithmetic without torch."""

import math
from dataclasses import dataclass, replace

from compound.schemas.errors import PlanError
from compound.schemas.recipe import Recipe, rate_of


@dataclass(frozen=True)
class Steps:
    """The arithmetic of a training run.

    A last batch that is not full is left out; every epoch leaves out other images. Data smaller
    than one batch makes one batch, of as many images as the workers can share evenly.
    """

    batch: int
    """Images of one optimiser step, over all workers and micro-batches."""
    per_epoch: int
    total: int
    micro: int
    """Images of one worker in one pass through the network."""

    def halved(self) -> "Steps | None":
        """Return the same steps in micro-batches half as large; None if they are odd."""
        return None if self.micro % 2 else replace(self, micro=self.micro // 2)


def steps(recipe: Recipe, images: int, workers: int, splits: int = 1) -> Steps:
    """Lay out a run over `images` training images, every micro-batch cut into `splits` parts.

    PlanError: the batch cannot be shared, or a micro-batch cannot be cut.
    """
    check_batch(recipe, workers)
    shares = workers * recipe.accumulate
    batch = min(recipe.batch, images // shares * shares)
    if batch == 0:
        raise PlanError(
            f"{images} training images cannot be shared by {workers} workers x "
            f"{recipe.accumulate} micro-batches",
            where="train.accumulate",
            allowed=f"at most {images} shares",
            next_step="lower `accumulate` or `workers`, or train on more images",
        )
    per_epoch = images // batch
    micro = batch // shares
    if micro % splits:
        raise PlanError(
            f"a micro-batch of {micro} images does not split into {splits} parts",
            where="splits",
            next_step="give the job `splits` that divide its micro-batch",
        )
    return Steps(batch, per_epoch, per_epoch * recipe.epochs, micro // splits)


def check_batch(recipe: Recipe, workers: int, where: str = "train.batch") -> None:
    """Raise PlanError, about the key `where`, if the global batch does not split evenly."""
    shares = workers * recipe.accumulate
    if recipe.batch % shares:
        below = recipe.batch // shares * shares
        raise PlanError(
            f"a batch of {recipe.batch} does not split over {workers} workers x "
            f"{recipe.accumulate} micro-batches",
            where=where,
            allowed=f"a multiple of {shares}, such as "
            + " or ".join(str(size) for size in (below, below + shares) if size),
            next_step=f"compound plan SPEC --set {where}={below or shares}    # or change "
            "`accumulate` or `workers`",
        )


def learning_rate(recipe: Recipe, plan: Steps, step: int) -> float:
    """Return the rate of a step counted from 0: linear warm-up, then cosine or staircase decay.

    The staircase counts its epochs from the start of training, warm-up included.
    """
    base = rate_of(recipe) * plan.batch / 256
    warmup = _warmup(recipe, plan)
    if step < warmup:
        return base * min(1.0, (step + 1) / warmup)
    if recipe.schedule == "cosine":
        progress = (step - warmup) / max(1.0, plan.total - warmup)
        return base * 0.5 * (1 + math.cos(math.pi * progress))
    stairs = math.floor(step / (recipe.decay_epochs * plan.per_epoch))
    return base * recipe.decay**stairs


def _warmup(recipe: Recipe, plan: Steps) -> float:
    """Return the steps over which the rate rises."""
    if recipe.warmup is not None:
        return recipe.warmup * plan.total
    return min(recipe.warmup_epochs * plan.per_epoch, plan.total)


def begins_alike(recipe: Recipe, plan: Steps, epochs: int) -> bool:
    """Whether the run of `plan` begins, bit for bit, like a run of only so many `epochs`.

    It does not with cosine decay, a warm-up cut short or by a fraction, growing images or a fitted
    norm_momentum: they depend on the length of the run.
    """
    if recipe.schedule == "cosine" or recipe.resizing or recipe.warmup:
        return False
    if recipe.warmup is None and epochs < recipe.warmup_epochs:
        return False
    short = replace(plan, total=plan.per_epoch * epochs)
    return recipe.norm_momentum is not None or norm_momentum(short) == norm_momentum(plan)


def norm_momentum(plan: Steps) -> float:
    """Return the weight of the newest batch in batch norm's running statistics.

    The published 0.01 needs hundreds of steps to forget its start; a short run takes up to 0.1.
    """
    return min(0.1, max(0.01, 20 / plan.total))
