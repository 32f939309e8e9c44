"""How a network is trained. Two named recipes fill in what a spec leaves out."""

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, ValidationInfo, model_validator

from compound.schemas.base import STORED, MisfitError, Model

Probability = Annotated[float, Field(ge=0, lt=1)]
Share = Annotated[float, Field(gt=0, le=1)]
MOST_RATE = 100
Rate = Annotated[float, Field(gt=0, le=MOST_RATE)]
Ratio = Annotated[float, Field(ge=0.05, le=20)]

LAST_PHI = 7
"""EfficientNet-B7, where the paper's dropout ends."""

PRESETS: dict[str, dict[str, Any]] = {
    "modern": {"initialisation": "torch", "warmup": 0.25},
    "paper": {
        "optimizer": "rmsprop",
        "learning_rate": 0.016,
        "weight_decay": 1e-5,
        "schedule": "exponential",
        "warmup_epochs": 5,
        "survival": 0.8,
        "dropout": 0.2,
        "dropout_phi7": 0.5,
        "ema": 0.9999,
        "norm_momentum": 0.01,
        "clip_norm": None,
        "augment": {"crop": "resized", "policy": "autoaugment"},
        "central": 0.875,
    },
}
"""What the named recipes set, beside Recipe's defaults; `paper` follows EfficientNet, section 5.

Recipe's defaults are what `modern` was in older stores, whose documents do not have every key.
"""
BY_OPTIMIZER: dict[str, dict[str, Any]] = {
    "sgd": {"learning_rate": 0.6, "nesterov": True},
    "rmsprop": {"learning_rate": 0.016},
    "adamw": {"learning_rate": 0.004},
}
"""What `modern` sets beside an optimiser."""


class Augment(Model):
    """Random changes to training images; resolution-relative, so they scale with the network.

    In their order: crop and mirror, the policy's operations, cutout, then mixing of images.
    """

    crop: Literal["shift", "resized"] = "shift"
    """`shift` moves the image by `pad`; `resized` takes a random rectangle to full size."""
    pad: Annotated[float, Field(ge=0, le=1)] = 0.125
    """Random shifts up to this fraction of the side, filled by reflection."""
    area: tuple[Share, Share] = (0.08, 1.0)
    """Least and largest part of the image that a `resized` crop takes."""
    aspect: tuple[Ratio, Ratio] = (0.75, 4 / 3)
    """Least and largest width over height of a `resized` crop."""
    flip: bool = True
    """Mirror each image with probability 1/2."""
    policy: Literal["none", "autoaugment", "randaugment"] = "none"
    """`autoaugment` is policy v0 of EfficientNet's code; `randaugment` draws from 16 operations,
    and makes each that it draws."""
    layers: Annotated[int, Field(ge=1, le=8)] = 2
    """Operations that RandAugment makes on an image, one after the other."""
    magnitude: Annotated[float, Field(ge=0, le=30)] = 9.0
    """How strong RandAugment's operations are; EfficientNet-B5 was trained with 17, B7 with 28."""
    cutout: Annotated[float, Field(ge=0, le=1)] = 0.0
    """The side of a square set to the mean, as a fraction of the image's."""
    mixup: Annotated[float, Field(ge=0, le=100)] = 0.0
    """Alpha of the Beta distribution that images and labels are blended by; 0 is off."""
    cutmix: Annotated[float, Field(ge=0, le=100)] = 0.0
    """The same for rectangles pasted from another image; with both, each image takes one."""

    @model_validator(mode="after")
    def _in_order(self) -> "Augment":
        for name, (least, largest) in (("area", self.area), ("aspect", self.aspect)):
            if least > largest:
                message = f"{name} is from {least} to {largest}: write the smaller first"
                turned = f"write `{name}: [{largest:g}, {least:g}]`"
                raise MisfitError((name,), message, turned)
        return self


class Resizing(Model):
    """Training images that begin small and grow to the network's resolution, step by step.

    Progressive resizing as in FFCV's recipes and in EfficientNetV2 (Tan and Le 2021), without the
    latter's growing augmentation. Evaluation is at the full resolution from the first epoch on, and
    so is the last epoch's training.
    """

    start: Annotated[float, Field(gt=0, lt=1)] = 0.6
    """The first side, as a fraction of the network's resolution."""
    until: Share = 0.8
    """The fraction of the epochs after which training is at the full resolution."""
    multiple: Annotated[int, Field(ge=1, le=1024)] | None = None
    """Smaller sides are multiples of so many pixels; by default of the power of two that is
    nearest to an eighth of the resolution: 4 at 32 pixels, 32 at 224."""


class Keep(Model):
    """Which checkpoints of a job stay; all others are removed."""

    last: Annotated[int, Field(ge=1)] = 2
    """So many of the newest. With two, training still continues when one of them is damaged."""
    best: Annotated[int, Field(ge=0)] = 1
    """So many with the highest validation accuracy; of equals the later."""
    every: Annotated[int, Field(ge=0)] = 0
    """Those after every so many epochs; 0: none for that reason."""


def _show_modern(schema: dict[str, Any]) -> None:
    """Let the JSON Schema have the values that a spec gets: `modern` with sgd."""
    for name, value in _preset("modern", "sgd").items():
        schema["properties"][name]["default"] = value


class Recipe(Model):
    """A training recipe, complete: with data, architecture and seed it determines the result."""

    model_config = ConfigDict(json_schema_extra=_show_modern)

    recipe: Literal["modern", "paper"] = "modern"
    """The named recipe that fills in what the spec leaves out: `modern`, short schedules with SGD;
    `paper`, EfficientNet's (Tan and Le 2019, section 5)."""
    epochs: Annotated[int, Field(ge=1, le=100_000)] = 10
    """Passes over the training images."""
    batch: Annotated[int, Field(ge=1, le=1_000_000)] = 128
    """Images per optimiser step, over all workers and accumulation steps."""
    accumulate: Annotated[int, Field(ge=1, le=4096)] = 1
    """Micro-batches per optimiser step."""
    optimizer: Literal["sgd", "rmsprop", "adamw"] = "sgd"
    """SGD with momentum, RMSProp as TensorFlow has it, or AdamW."""
    learning_rate: Rate | Literal["auto"] = 0.1
    """Per 256 images of the batch: the rate used is learning_rate * batch / 256. `auto`: the best
    that a study's recipe check trains the baseline with; jobs themselves have a number."""
    momentum: Probability = 0.9
    """Momentum of `sgd` and `rmsprop`; `adamw` takes it as its first beta."""
    nesterov: bool = False
    """Whether `sgd` looks ahead along the momentum (Sutskever et al. 2013), as torch's does."""
    weight_decay: Annotated[float, Field(ge=0, le=1)] = 5e-4
    """On weights of convolutions and linear layers only; never on norms, biases, gains, embeddings
    or what a network has beside its layers. `adamw` decouples it."""
    schedule: Literal["cosine", "exponential"] = "cosine"
    """How the learning rate falls after the warm-up: along half a cosine to 0, or by `decay` after
    every `decay_epochs`."""
    warmup_epochs: Annotated[float, Field(ge=0, le=1000)] = 1
    """Epochs over which the learning rate rises to its full value, where `warmup` is null."""
    warmup: Probability | None = None
    """The fraction of all steps over which the learning rate rises; null: `warmup_epochs`."""
    decay: Annotated[float, Field(gt=0, le=1)] = 0.97
    """The factor of one step of the exponential schedule."""
    decay_epochs: Annotated[float, Field(gt=0, le=1000)] = 2.4
    """Epochs between two steps of the exponential schedule."""
    label_smoothing: Probability = 0.1
    """The part of a label's probability that is spread evenly over all classes."""
    survival: Annotated[float, Field(gt=0, le=1)] = 1.0
    """Survival probability of the last block under stochastic depth; earlier ones rise to 1."""
    dropout: Probability = 0.0
    """The probability that a feature in front of the classifier is set to 0."""
    dropout_phi7: Probability | None = None
    """Dropout at phi 7: it grows linearly from `dropout` at phi 0. null: the same at every phi,
    which is also what `recipe: paper` does for a spec that sets `dropout` itself. Beside a named
    EfficientNet `recipe: paper` begins with that variant's dropout: 0.2 for B0 to 0.5 for B7."""
    ema: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Decay of the averaged weights that are evaluated; 0 turns the average off."""
    initialisation: Literal["family", "torch"] = "family"
    """How the first weights are drawn: as the network's family was published, or as torch's layers
    draw theirs. A network of your own draws its own."""
    norm_momentum: Annotated[float, Field(gt=0, le=1)] | None = None
    """Weight of the newest batch in batch norm's running statistics (the paper's 0.99 is 0.01);
    without one it is fitted to the number of steps."""
    norm_batch: Literal["worker", "global"] | Annotated[int, Field(ge=2, le=1_000_000)] = "worker"
    """Images that batch norm normalises together: those of a worker's micro-batch, those of all
    workers' micro-batches, or groups of so many within a micro-batch (ghost batch norm)."""
    gradients: Literal["float32", "bfloat16"] = "float32"
    """What workers send each other of gradients: as they are, or in half the bytes."""
    compile: Literal[True, False, "auto"] = False
    """Let torch compile the network: it takes minutes, so it is for long jobs. `auto`: the plan
    decides for each job whether compiling saves time; jobs themselves say true or false."""
    graphs: Literal["auto", False] = False
    """Launch a small network's passes on a GPU as CUDA graphs, which changes no number. `auto`:
    where the GPU of a single worker waits for the host, and a recorded pass gives the same numbers
    as a plain one. It is no part of a job's identity. Never run on a GPU yet, so off by default."""
    clip_norm: Annotated[float, Field(gt=0)] | None = 5.0
    """The largest norm of all gradients together; larger ones are scaled down to it. null: no
    limit."""
    precision: Literal["float32", "tf32", "bfloat16"] = "float32"
    """What a GPU computes in: float32 throughout; float32 whose products may round their factors
    to 10 bits (TF32), where the device can; or bfloat16 by autocast. On a CPU tf32 is float32."""
    augment: Augment = Augment()
    """Random changes to training images."""
    resizing: Resizing | None = None
    """Smaller training images in the earlier epochs; null: always the network's resolution."""
    central: Share = 1.0
    """The side of the central square that is evaluated, as a fraction of the image's."""
    checkpoint_every: Annotated[int, Field(ge=1)] = 1
    """Epochs between checkpoints."""
    checkpoint_steps: Annotated[int, Field(ge=0)] = 0
    """Optimiser steps between checkpoints inside an epoch; 0: only after epochs."""
    keep: Keep = Keep()
    """Which checkpoints stay in the store."""

    @model_validator(mode="before")
    @classmethod
    def _fill_from_preset(cls, recipe: Any, info: ValidationInfo) -> Any:
        if not isinstance(recipe, dict) or info.context == STORED:
            return recipe
        preset = _preset(recipe.get("recipe", "modern"), recipe.get("optimizer", "sgd"))
        return _filled(preset, recipe) if preset else recipe

    @model_validator(mode="after")
    def _nesterov_is_sgds(self) -> "Recipe":
        if self.nesterov and self.optimizer != "sgd":
            message = f"nesterov is a form of sgd's momentum, which {self.optimizer} does not have"
            raise MisfitError(
                ("nesterov", "optimizer"), message, "write `nesterov: false`, or `optimizer: sgd`"
            )
        return self

    @model_validator(mode="after")
    def _divisible(self) -> "Recipe":
        if self.batch % self.accumulate:
            message = f"batch {self.batch} does not divide by accumulate {self.accumulate}"
            divisor = next(n for n in range(self.accumulate, 0, -1) if self.batch % n == 0)
            raise MisfitError(("accumulate", "batch"), message, f"write `accumulate: {divisor}`")
        return self


def rate_of(recipe: Recipe) -> float:
    """Return the learning rate per 256 images; of `auto` the one that the check begins with."""
    if recipe.learning_rate != "auto":
        return recipe.learning_rate
    usual: float = _preset(recipe.recipe, recipe.optimizer)["learning_rate"]
    return usual


def at_rate(recipe: Recipe, multiple: float) -> Recipe:
    """Return the recipe at a multiple of its learning rate, in which it is a number."""
    return recipe.model_copy(update={"learning_rate": rate_of(recipe) * multiple})


def settled_rate(recipe: Recipe, multiple: float) -> Recipe:
    """Return the recipe with a number for `auto`: a multiple of the usual one."""
    return at_rate(recipe, multiple) if recipe.learning_rate == "auto" else recipe


def at_phi(recipe: Recipe, phi: float) -> Recipe:
    """Return the recipe of a network scaled by `phi`: the paper's dropout grows along it.

    Below 0 and above 7 it stays constant. The result no longer depends on phi.
    """
    if recipe.dropout_phi7 is None:
        return recipe
    part = min(max(phi, 0.0), LAST_PHI) / LAST_PHI
    dropout = recipe.dropout + part * (recipe.dropout_phi7 - recipe.dropout)
    return recipe.model_copy(update={"dropout": dropout, "dropout_phi7": None})


def _preset(name: Any, optimizer: Any) -> dict[str, Any]:
    """Return what a named recipe sets beside an optimiser; nothing for names that there are not."""
    if not isinstance(name, str) or not isinstance(optimizer, str):
        return {}
    beside = BY_OPTIMIZER.get(optimizer, {}) if name == "modern" else {}
    return {**PRESETS.get(name, {}), **beside}


def _filled(preset: dict[str, Any], recipe: dict[str, Any]) -> dict[str, Any]:
    """Fill what a spec leaves out, inside `augment` too.

    A spec's own dropout is for every phi. A warm-up in epochs takes the place of the preset's
    fraction, and so does a schedule that counts epochs.
    """
    merged = {**preset, **recipe}
    if "dropout" in recipe and "dropout_phi7" not in recipe:
        merged["dropout_phi7"] = None
    if "warmup_epochs" in recipe or merged.get("schedule") == "exponential":
        merged["warmup"] = recipe.get("warmup")
    if isinstance(preset.get("augment"), dict) and isinstance(recipe.get("augment"), dict):
        merged["augment"] = {**preset["augment"], **recipe["augment"]}
    return merged
