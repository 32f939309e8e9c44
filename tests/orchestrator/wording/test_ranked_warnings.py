"""Warnings that cost the answer most come first, and no more than five are shown."""

import random
import re

import pytest

from compound.orchestrator.wording.ranked_warnings import MOST, RANKS, first_few, rank, ranked

ORDERED = [
    "the plan takes up to 9 epochs, the budget is 3: compound run will refuse it",
    "not evaluated on the test part: phi 1, seed 0: its last weights are not stored any more",
    "1 of 4 classes has no validation image: cat: every validation accuracy is of the 3 other "
    "classes alone",
    "No network is better than chance: the best reaches 25.0 %, guessing 25.0 % of 4 classes. "
    "Raise train.learning_rate",
    "on the 36 validation images an accuracy of 80.0 % may as well be 67.0 % or 88.8 %",
    "search: a job has 30 optimiser steps, 2 x 15, in which a network learns little",
    "one seed per candidate: the verdict cannot tell a difference from noise",
    "2 of 8 search jobs failed: 2 diverged.",
    "All 3 candidates have the same score, 100.0 %: the task is too easy to tell networks apart.",
    "at 4x the learning rate the baseline gains 3.0 points (70.0 % to 73.0 %): set it",
    "1 run collapsed and took no part in the verdict: seed 0 of depth alone ended at 25.0 %.",
    "the test part has 20 images: an accuracy of 80.0 % on it may as well be 62.0 % or 91.0 %",
    "The noise has only 2 degrees of freedom: more seeds narrow the intervals.",
    "The mix costs 12 % more than the control it is compared with.",
    "resolution 11 is no multiple of the total stride 2: the last row is computed from padding",
]
"""Texts of the product, as they are to be shown."""


def test_what_costs_the_answer_most_comes_first() -> None:
    places = [rank(text) for text in ORDERED]
    assert places == sorted(places) and {*places} == {*range(len(RANKS) + 1)}
    mixed = random.Random(0).sample(ORDERED, len(ORDERED))
    assert [rank(text) for text in ranked(mixed)] == places


def test_each_is_shown_once_and_equals_keep_their_order() -> None:
    assert ranked(["b", "a", "", "b", ORDERED[2]]) == [ORDERED[2], "b", "a"]


@pytest.mark.parametrize("number", [0, 1, MOST, MOST + 1, MOST + 4])
def test_the_rest_is_counted(number: int) -> None:
    lines = first_few([f"warning {n}" for n in range(number)], "compound status x --warnings")
    assert sum(line.startswith("warning: ") for line in lines) == min(number, MOST)
    rest = lines[MOST:]
    assert rest == (
        [f"and {number - MOST} more: compound status x --warnings"] if number > MOST else []
    )


def test_every_pattern_is_one() -> None:
    assert all(re.compile(pattern) for _, patterns in RANKS for pattern in patterns)
