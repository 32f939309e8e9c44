"""How a network is trained. Two named recipes fill in what a spec leaves out."""

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from schemas.base import Model

Probability = Annotated[float, Field(ge=0, lt=1)]

PRESETS: dict[str, dict[str, Any]] = {
    "modern": {},
    "paper": {
        "optimizer": "rmsprop",
        "learning_rate": 0.016,
        "weight_decay": 1e-5,
        "schedule": "exponential",
        "warmup_epochs": 5,
        "survival": 0.8,
        "dropout": 0.2,
        "ema": 0.9999,
        "norm_momentum": 0.01,
        "clip_norm": None,
    },
}
"""`modern` is the defaults of Recipe; `paper` follows EfficientNet, section 5."""


class Augment(Model):
    """Random changes to training images; resolution-relative, so they scale with the network."""

    pad: Annotated[float, Field(ge=0, le=1)] = 0.125
    """Random shifts up to this fraction of the side, filled by reflection."""
    flip: bool = True
    cutout: Annotated[float, Field(ge=0, le=1)] = 0.0
    """The side of a square set to the mean, as a fraction of the image's."""


class Keep(Model):
    """Which checkpoints of a job stay; what falls under none of these is removed."""

    last: Annotated[int, Field(ge=1)] = 2
    """The newest ones: with two of them, one may be damaged."""
    best: Annotated[int, Field(ge=0)] = 1
    """The ones with the highest validation accuracy; of equals the later."""
    every: Annotated[int, Field(ge=0)] = 0
    """The one after every so many epochs; 0: none for that reason."""


class Recipe(Model):
    """A training recipe, complete: with data, architecture and seed it determines the result."""

    recipe: Literal["modern", "paper"] = "modern"
    epochs: Annotated[int, Field(ge=1, le=100_000)] = 10
    batch: Annotated[int, Field(ge=1, le=1_000_000)] = 128
    """Images per optimiser step, over all workers and accumulation steps."""
    accumulate: Annotated[int, Field(ge=1, le=4096)] = 1
    """Micro-batches per optimiser step."""
    optimizer: Literal["sgd", "rmsprop"] = "sgd"
    learning_rate: Annotated[float, Field(gt=0, le=100)] = 0.1
    """Per 256 images of the batch: the rate used is learning_rate * batch / 256."""
    momentum: Probability = 0.9
    weight_decay: Annotated[float, Field(ge=0, le=1)] = 5e-4
    """On convolution and linear weights only, never on norms or biases."""
    schedule: Literal["cosine", "exponential"] = "cosine"
    warmup_epochs: Annotated[float, Field(ge=0, le=1000)] = 1
    decay: Annotated[float, Field(gt=0, le=1)] = 0.97
    decay_epochs: Annotated[float, Field(gt=0, le=1000)] = 2.4
    label_smoothing: Probability = 0.1
    survival: Annotated[float, Field(gt=0, le=1)] = 1.0
    """Survival probability of the last block under stochastic depth; earlier ones rise to 1."""
    dropout: Probability = 0.0
    ema: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Decay of the averaged weights that are evaluated; 0 turns the average off."""
    norm_momentum: Annotated[float, Field(gt=0, le=1)] | None = None
    """Weight of the newest batch in batch norm's running statistics (the paper's 0.99 is 0.01);
    without one it is fitted to the number of steps."""
    norm_batch: Literal["worker", "global"] | Annotated[int, Field(ge=2, le=1_000_000)] = "worker"
    """Images that batch norm normalises together: those of a worker's micro-batch, those of all
    workers' micro-batches, or groups of so many within a micro-batch (ghost batch norm)."""
    clip_norm: Annotated[float, Field(gt=0)] | None = 5.0
    precision: Literal["float32", "bfloat16"] = "float32"
    augment: Augment = Augment()
    checkpoint_every: Annotated[int, Field(ge=1)] = 1
    """Epochs between checkpoints."""
    checkpoint_steps: Annotated[int, Field(ge=0)] = 0
    """Optimiser steps between checkpoints inside an epoch; 0: only after epochs."""
    keep: Keep = Keep()

    @model_validator(mode="before")
    @classmethod
    def _fill_from_preset(cls, given: Any) -> Any:
        preset = PRESETS.get(given.get("recipe", "modern")) if isinstance(given, dict) else None
        return {**preset, **given} if preset else given

    @model_validator(mode="after")
    def _divisible(self) -> "Recipe":
        if self.batch % self.accumulate:
            raise ValueError(f"batch {self.batch} does not divide by accumulate {self.accumulate}")
        return self
