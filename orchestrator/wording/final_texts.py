"""Sentences on the test part."""

from collections.abc import Iterator, Sequence

from compound.orchestrator.statistics.wilson import wilson
from compound.orchestrator.wording.commands import command
from compound.orchestrator.wording.numbers import counted, percent, points
from compound.schemas.data import DataInfo
from compound.schemas.data_ledger import DataLedger
from compound.schemas.final_evaluation import (
    EvaluatedPart,
    FinalTest,
    NetworkScore,
    PairedDifference,
)

NO_TEST = "no test part: accuracies are of validation images, which were used for every choice"
_NAMED = 5
FEW_IMAGES, USUAL = 200, 0.8
"""Test images below which a warning says what they resolve, at a usual accuracy."""


def planned_text(info: DataInfo) -> str:
    """Say how many test images the data have, or that there are none."""
    return (
        f"test part: {counted(info.test, 'image')}, read once at the end" if info.test else NO_TEST
    )


def final_text(final: FinalTest | None) -> str:
    """Say what is known of a study's test part; None: the study has none."""
    return final.sentence if final and (final.images or final.readings) else NO_TEST


def final_lines(final: FinalTest | None) -> Iterator[str]:
    """Yield what is known of a study's test part, with its warnings."""
    yield final_text(final)
    if final and final.images:
        yield from (f"warning: {text}" for text in (final.outdated, *final.warnings) if text)


def pending_text(images: int) -> str:
    """Say that the test part was not read yet."""
    return f"test part: {counted(images, 'image')}, not read yet: it is read once, at the end"


def result_text(networks: Sequence[NetworkScore], images: int, level: float) -> str:
    """Say the test accuracies in one sentence, each beside the validation accuracy."""
    named = [network for network in networks if network.role not in ("family", "compared")]
    named += [network for network in networks if network.role == "family"][-1:]
    parts = [_accuracy(network) for network in named if network.accuracy is not None]
    if not parts:
        return f"test part: {counted(images, 'image')}, and no network could be evaluated on it"
    return (
        f"test accuracy on {counted(images, 'image')} that were used for no decision, "
        f"{100 * level:g} % intervals: {'; '.join(parts)}"
    )


def _accuracy(network: NetworkScore) -> str:
    assert network.accuracy is not None
    label = f"{network.role} ({network.name})" if network.name != network.role else network.role
    ends = ""
    if network.low is not None and network.high is not None:
        ends = f", {100 * network.low:.1f} to {percent(network.high)}"
    if len(network.seeds) == 1:
        ends += " (one seed: new images only)"
    beside = "" if network.validation is None else f", validation {percent(network.validation)}"
    return f"{label} {percent(network.accuracy)}{ends}{beside}"


def covers_text(networks: Sequence[NetworkScore]) -> str:
    """Say for what the intervals of these networks hold."""
    kinds = {network.covers for network in networks if network.seeds}
    if kinds == {"images"}:
        return "Intervals hold for new images like these, not for new seeds."
    text = "Intervals hold for new seeds and for new images like these"
    return f"{text}; those of one seed for new images only." if len(kinds) > 1 else f"{text}."


def difference_text(difference: PairedDifference) -> str:
    """Say how much better the choice is than another network, and how sure that is."""
    size, over = points(abs(difference.estimate)), difference.over
    side = "below" if difference.estimate < 0 else "above"
    text = f"On the test images the {difference.role} is {size} points {side} the {over}"
    if difference.low is None or difference.high is None or difference.p is None:
        return (
            f"{text}. This has no interval: the answers to single images are not in the store, "
            "since they were evaluated before these were kept, or a file is damaged."
        )
    kind = "for new seeds and images" if difference.covers != "images" else "for new images only"
    ends = f"{points(difference.low)} to {points(difference.high)}, {kind}"
    return f"{text} ({ends}; for these trained networks McNemar's p is {_p(difference.p)})."


def _p(value: float) -> str:
    return "below 0.001" if value < 0.001 else f"{value:.3f}"


def part_warnings(info: DataInfo) -> Iterator[str]:
    """Warn of a test part from which little can be learned, from what a plan knows."""
    classes = len(info.classes)
    if 0 < info.test < classes:
        yield (
            f"the test part has {counted(info.test, 'image')} for {classes:,} classes: "
            "its accuracies say little"
        )
    elif 0 < info.test < FEW_IMAGES:
        low, high = wilson(USUAL, info.test, 0.9)
        yield (
            f"the test part has {counted(info.test, 'image')}: an accuracy of {percent(USUAL)} on "
            f"it may as well be {percent(low)} or {percent(high)} (90 % interval)"
        )
    if info.ledger is None:
        return
    yield from _untrained(info, info.ledger)
    for pair in info.ledger.duplicates:
        if "test" in pair.parts and pair.parts != ("test", "test"):
            first = next(part for part in pair.parts if part != "test")
            yield (
                f"{counted(pair.images, 'image')} of the test part are also in the {first} part: "
                "networks may know them by heart"
            )


def _untrained(info: DataInfo, ledger: DataLedger) -> Iterator[str]:
    """Warn of classes whose images are all held out: their test images cannot be right."""
    counts = {part.part: part.class_counts for part in ledger.parts}
    train, test = counts.get("train"), counts.get("test")
    if not train or not test:
        return
    pairs = zip(info.classes, train, test, strict=True)
    untrained = [name for name, trained, tested in pairs if tested and not trained]
    if untrained:
        more = f" and {len(untrained) - _NAMED} more" if len(untrained) > _NAMED else ""
        yield (
            f"{counted(len(untrained), 'class', 'classes')} with test images, but no training "
            f"image: {', '.join(untrained[:_NAMED])}{more}"
        )


def classes_warning(counts: Sequence[int], classes: Sequence[str]) -> str:
    """Warn of classes without any test image; empty where all have some."""
    empty = [name for name, count in zip(classes, counts, strict=True) if not count]
    if not empty:
        return ""
    names = ", ".join(empty[:_NAMED])
    more = f" and {len(empty) - _NAMED} more" if len(empty) > _NAMED else ""
    return f"{len(empty)} of {len(classes)} classes have no test image: {names}{more}"


def readings_warning(readings: int) -> str:
    """Warn of a test part that was read several times; empty where it was read once."""
    if readings < 2:
        return ""
    return (
        f"the test part was read {readings} times, for other weights each time: whoever has seen "
        "the first accuracies may have chosen by them, so the later ones are no longer unseen"
    )


def outdated_text(before: FinalTest, now: EvaluatedPart, study: str) -> str:
    """Say that the test part has changed since it was read, and what reads the new one."""
    was = before.part.images if before.part else before.images
    afresh = command("run", ("SPEC",), (f"name={study}-2",))
    return (
        f"the test part has changed since it was read: {counted(was, 'image')} then "
        f"(hash {before.readings[-1].content}), {now.images:,} now ({now.content}). The accuracies "
        "are of the old one, and new networks have none: one study never mixes two test parts. "
        f"Put the old images back, or read the new ones as another study, which trains nothing "
        f"again: {afresh}"
    )


WITHDRAWN = "the data have no test part any more: the test accuracies are those of an earlier run"
