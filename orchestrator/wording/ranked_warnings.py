"""Warnings in the order of what they cost the answer, and the first few of them."""

import re
from collections.abc import Iterable

MOST = 5
"""Warnings that a command shows; the rest is counted."""

RANKS: tuple[tuple[str, tuple[str, ...]], ...] = (
    (
        "it cannot run, stops early, or has not done all",
        (
            "compound run will",
            "do not fit on",
            "memory of up to",
            "does not limit the",
            "not evaluated on the test part",
            "the test part has changed",
            "no test part any more",
        ),
    ),
    (
        "the labels or classes are wrong",
        (r"\d class(es)? ha(s|ve) no .*image", "do not agree", "no training image"),
    ),
    ("nothing was learned", ("better than chance",)),
    (
        "there is too little to judge by",
        (
            r"on the [\d,]+ validation images? an accuracy",
            "optimiser steps",
            "with fewer than .* training images",
        ),
    ),
    (
        "nothing is compared, or not all",
        (
            "nothing can be compared",
            "^one seed per candidate",
            "no score",
            "No score for",
            "failed:",
            "have not ended yet",
            "were pruned",
            "have the same score",
            "cannot show whether the order holds",
            "^No candidate has two scores",
        ),
    ),
    (
        "training is not as meant",
        (
            "learning rate",
            "too few for batch norm",
            "^a batch has",
            "have no effect in",
            "has no effect on any tensor",
            "collapsed",
        ),
    ),
    (
        "the test part says less",
        ("test part", "test image", "test accuracies"),
    ),
    (
        "intervals are less certain, or costs uneven",
        (
            "sigma",
            "degrees? of freedom",
            "intervals come from",
            "proven only",
            "^The mix costs",
            "differ in cost",
            "correct",
        ),
    ),
)
"""What warnings cost the answer, most first, and patterns of their texts. Others come last."""


def ranked(warnings: Iterable[str]) -> list[str]:
    """Return warnings, each once, those first that cost the answer most."""
    return sorted(dict.fromkeys(filter(None, warnings)), key=rank)


def rank(warning: str) -> int:
    """Return a warning's rank by RANKS; after the last for one of no known kind."""
    return next(
        (
            number
            for number, (_, patterns) in enumerate(RANKS)
            if any(re.search(pattern, warning) for pattern in patterns)
        ),
        len(RANKS),
    )


def every_one(warnings: Iterable[str]) -> list[str]:
    """Return a line for each warning, what costs the answer most first."""
    return [f"warning: {text}" for text in ranked(warnings)]


def first_few(warnings: Iterable[str], command: str) -> list[str]:
    """Return lines with the first MOST warnings, and how many more `command` shows."""
    lines = every_one(warnings)
    more = len(lines) - MOST
    return [*lines[:MOST], f"and {more:,} more: {command}"] if more > 0 else lines
