"""Which images are used: balanced, disjoint, and the same everywhere."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from compound.jobs.data.sources.subset import limited, parts, split

labels_of = st.lists(st.integers(0, 5), min_size=1, max_size=200).map(
    lambda values: np.array(values, dtype=np.int64)
)
seeds = st.integers(0, 2**32 - 1)


@given(labels_of, st.floats(0.01, 0.99), seeds)
def test_split_parts_everything_once_and_every_class_alike(labels, fraction, seed):
    train, held_out = split(labels, fraction, seed)
    assert sorted([*train, *held_out]) == list(range(len(labels)))
    assert len(held_out) == round(fraction * len(labels))
    for label in np.unique(labels):
        expected = fraction * (labels == label).sum()
        assert abs((labels[held_out] == label).sum() - expected) <= 1.5


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
    everything = np.concatenate(divided)
    assert sorted(everything.tolist()) == list(range(len(labels)))
    assert len(divided.test) == round(test * len(labels))
    assert len(divided.validation) == round(validation * len(labels))
    for count, taken in zip(np.bincount(labels), np.bincount(labels[divided.test]), strict=False):
        assert abs(taken - test * count) <= 2
    assert parts(labels, validation, test, seed).test.tolist() == divided.test.tolist()
    # How much validation takes moves no image into or out of the test part.
    assert parts(labels, validation / 2, test, seed).test.tolist() == divided.test.tolist()


def test_parts_without_a_test_part_are_those_of_a_split():
    labels = np.arange(100) % 3
    train, held_out, test = parts(labels, 0.25, None, 7)
    for own, before in zip((train, held_out), split(labels, 0.25, 7), strict=True):
        assert own.tolist() == before.tolist()
    assert not len(test)
