"""Which images are used: balanced, disjoint, and the same everywhere."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from compound.jobs.data.sources.subset import limited, parts, split
from compound.schemas.errors import DataError

labels_of = st.lists(st.integers(0, 5), min_size=1, max_size=200).map(
    lambda values: np.array(values, dtype=np.int64)
)
seeds = st.integers(0, 2**32 - 1)


@given(labels_of, st.floats(0.01, 0.99), seeds)
def test_split_parts_everything_once_and_every_class_alike(labels, fraction, seed):
    train, held_out = split(labels, fraction, seed)
    assert sorted([*train, *held_out]) == list(range(len(labels)))
    classes = np.unique(labels)
    assert set(labels[train]) == set(classes)
    assert len(held_out) == min(round(fraction * len(labels)), len(labels) - len(classes))
    spared = parts(labels, fraction, None, seed).spared if len(held_out) else len(classes)
    for label in classes:
        expected = fraction * (labels == label).sum()
        assert abs((labels[held_out] == label).sum() - expected) <= 1.5 + spared


@given(labels_of, st.integers(1, 250), seeds)
def test_limit_takes_evenly_from_the_classes(labels, limit, seed):
    chosen = limited(labels, limit, seed)
    assert len(chosen) == min(limit, len(labels))
    assert (np.diff(chosen) > 0).all()
    counts = np.bincount(labels[chosen], minlength=6)
    available = np.bincount(labels, minlength=6)
    not_exhausted = counts[(counts < available)]
    assert len(not_exhausted) == 0 or counts.max() - not_exhausted.min() <= 1


@given(labels_of, st.integers(1, 100), st.integers(1, 100), seeds)
def test_a_larger_limit_only_adds_images(labels, first, second, seed):
    fewer, more = sorted((first, second))
    assert set(limited(labels, fewer, seed)) <= set(limited(labels, more, seed))


def test_selection_is_fixed_by_its_seed():
    labels = np.arange(60, dtype=np.int64) % 3
    assert limited(labels, 7, 1).tolist() == limited(labels, 7, 1).tolist()
    assert limited(labels, 7, 1).tolist() != limited(labels, 7, 2).tolist()
    assert split(labels, 0.2, 1)[1].tolist() == [0, 7, 10, 11, 12, 14, 30, 36, 38, 43, 50, 52]


@given(
    st.lists(st.integers(0, 5), min_size=20, max_size=200),
    st.floats(0.05, 0.45),
    st.floats(0.05, 0.45),
    st.integers(0, 100),
)
def test_parts_divide_all_images_evenly_by_class(labels, validation, test, seed):
    labels = np.array(labels)
    divided = parts(labels, validation, test, seed)
    everything = np.concatenate(divided[:3])
    assert sorted(everything.tolist()) == list(range(len(labels)))
    classes = np.unique(labels)
    left = len(labels) - round(test * len(labels)) - len(classes)
    assert set(labels[divided.train]) == set(classes)
    assert len(divided.test) == round(test * len(labels))
    assert len(divided.validation) == min(round(validation * len(labels)), left)
    for count, taken in zip(np.bincount(labels), np.bincount(labels[divided.test]), strict=False):
        assert abs(taken - test * count) <= 2 + divided.spared
    assert parts(labels, validation, test, seed).test.tolist() == divided.test.tolist()
    # How much validation takes moves no image into or out of the test part.
    assert parts(labels, validation / 2, test, seed).test.tolist() == divided.test.tolist()


def test_parts_without_a_test_part_are_those_of_a_split():
    labels = np.arange(100) % 3
    train, held_out, test, spared = parts(labels, 0.25, None, 7)
    for own, before in zip((train, held_out), split(labels, 0.25, 7), strict=True):
        assert own.tolist() == before.tolist()
    assert not len(test) and not spared


def test_only_images_of_a_class_train_and_others_are_held_out_in_their_place():
    labels = np.array([*range(60), *[60] * 40])
    divided = parts(labels, 0.15, 0.23, 0)
    assert set(divided.train) >= set(range(60)) and divided.spared > 0
    assert (len(divided.validation), len(divided.test)) == (15, 23)


@pytest.mark.parametrize("fractions", [(0.2, None), (0.2, 0.2)])
def test_nothing_can_be_held_out_of_classes_of_one_image(fractions):
    with pytest.raises(DataError, match="10 images are of 10 classes, and training needs one"):
        parts(np.arange(10), *fractions, 0)
