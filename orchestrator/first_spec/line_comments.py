"""What each line of a first spec says about itself: the reason for its value, with numbers."""

from collections.abc import Iterator

from compound.orchestrator.first_spec.draft import Draft
from compound.orchestrator.wording.numbers import counted, short
from compound.schemas.data import DataInfo
from compound.schemas.plan import Plan

_NAMED = 4


def line_comments(draft: Draft, info: DataInfo, plan: Plan) -> dict[str, str]:
    """Return the comments by the dotted path of their keys; other keys have their meaning."""
    return {
        "kind": "search for the best mix of depth, width and resolution, then scale the network",
        "name": "of the study in its store",
        "store": "folder for everything that is trained, or s3://bucket/prefix",
        **dict(_of_data(draft, info)),
        **dict(_of_network(draft, info, plan)),
        **dict(_of_search(draft, plan)),
        **dict(_of_training(draft)),
    }


def _of_data(draft: Draft, info: DataInfo) -> Iterator[tuple[str, str]]:
    names = ", ".join(info.classes[:_NAMED]) + (", ..." if len(info.classes) > _NAMED else "")
    # A class may be called as anybody likes: a comment ends with its line.
    printable = "".join(letter if letter.isprintable() else "?" for letter in names)
    yield "data", ""
    yield "data.path", f"{counted(len(info.classes), 'class', 'classes')}: {printable}"
    yield "data.channels", "grey images" if info.in_channels == 1 else "red, green and blue"
    yield (
        "data.size",
        f"images become squares of {draft.decoded} px: the largest network here sees no more",
    )
    yield (
        "data.validation",
        f"{draft.available.validation:,} images are held out: no network trains on them, and "
        "every choice is made by them",
    )
    yield "data.test", f"{info.test:,} images are read once, at the end: no choice sees them"
    yield "data.max_bad", f"{counted(len(info.quarantined), 'image')} cannot be decoded"
    yield (
        "data.limit",
        f"of {draft.available.train:,} training images: more take longer than was asked for",
    )
    yield "data.validation_limit", f"of {draft.available.validation:,}"


def _of_network(draft: Draft, info: DataInfo, plan: Plan) -> Iterator[tuple[str, str]]:
    cost, network = plan.baseline.cost, draft.size.network
    yield (
        "baseline",
        f"the network to scale: {short(cost.params)} params, {short(cost.macs)} MACs an image; or "
        "a named one, such as {name: efficientnet-b0}",
    )
    yield (
        "baseline.resolution",
        f"pixels a side of its input; the images have {info.size}, and scaling takes more of them",
    )
    yield "baseline.stem", "the first 3x3 convolution"
    yield "baseline.stages", "inverted residual blocks, as in MobileNetV2 and EfficientNet"
    for number, stage in enumerate(network.stages):
        side = -(-network.resolution // network.stem_stride // 2**number)
        yield f"baseline.stages.{number}", f"{counted(stage.repeats, 'block')}, map of {side} px"
    yield "baseline.head", "channels before the classifier"
    yield "rounding", "scaled channels are multiples of this; depths are rounded to the nearest"


def _of_search(draft: Draft, plan: Plan) -> Iterator[tuple[str, str]]:
    networks, seeds = len(plan.candidates), draft.size.seeds
    yield "search", ""
    yield (
        "search.design",
        f"{plan.points} ways to divide a doubling of cost; with the published split and others "
        f"they are {counted(networks, 'network')}",
    )
    yield "search.budget", "each costs twice the baseline's MACs, to within 10 %"
    yield "search.seeds", f"{seeds} trainings of each network: how they differ is the noise"
    yield (
        "family",
        f"then the baseline by the best mix, at nominally {_costs(draft)} its "
        f"cost, "
        f"{counted(draft.size.family_seeds, 'training')} of each",
    )


def _costs(draft: Draft) -> str:
    *first, last = (f"{2**phi:g}" for phi in draft.size.phis)
    return f"{', '.join(first)} and {last} times"


def _of_training(draft: Draft) -> Iterator[tuple[str, str]]:
    size = draft.size
    yield "train", ""
    yield "train.epochs", f"passes over the training images: {size.steps:,} optimiser steps"
    yield "train.batch", "images of one step"
    yield "train.learning_rate", "the best of five that the baseline is trained at first"
    flips = "mirrored at random" if draft.flip else "never mirrored: digits, letters or sides"
    small = "" if "pad" not in draft.values()["train"]["augment"] else "; not shifted, being small"
    yield "train.augment", f"training images are {flips}{small}"
    yield "resources", "of each job; gpus: auto takes GPUs where there are any"
    yield "resources.search", "a job of the search"
    yield "resources.family", "a job of the family; a worker is one DDP rank"
