"""The order of streamed groups: every image once, the same for all, from few groups at a time."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from compound.jobs.data.batches import order
from compound.jobs.data.stream.order import lanes_of, sample_order, streamed_order

SIZES = st.lists(st.integers(1, 30), min_size=2, max_size=30)


def groups_of(sizes: list[int]) -> np.ndarray:
    return np.repeat(np.arange(len(sizes)), sizes)


@given(SIZES, st.integers(1, 24), st.integers(1, 64), st.integers(0, 2**32 - 1))
def test_whole_batches_of_different_images(sizes, batch, buffer, seed):
    groups = groups_of(sizes)
    positions = streamed_order(groups, seed, 1, batch, buffer)
    assert len(positions) == len(groups) // batch * batch
    assert len(set(positions.tolist())) == len(positions)
    assert set(positions.tolist()) <= set(range(len(groups)))
    assert np.array_equal(positions, streamed_order(groups, seed, 1, batch, buffer))


def test_what_fits_into_the_buffer_or_is_read_one_by_one_is_shuffled_as_in_memory():
    groups = groups_of([5] * 10)
    expected = order(3, 2, 50).numpy()
    assert np.array_equal(streamed_order(groups, 3, 2, 10, 50), expected)
    assert np.array_equal(streamed_order(np.arange(50), 3, 2, 10, 1), expected)
    assert not np.array_equal(streamed_order(groups, 3, 2, 10, 40), expected)


def test_epochs_and_seeds_differ():
    groups = groups_of([10] * 100)
    first = streamed_order(groups, 0, 1, 16, 128)
    assert (first != streamed_order(groups, 0, 2, 16, 128)).mean() > 0.9
    assert (first != streamed_order(groups, 1, 1, 16, 128)).mean() > 0.9


def test_every_rank_reads_groups_of_its_own():
    groups, world, batch = groups_of([10] * 160), 4, 16
    steps = streamed_order(groups, 0, 1, batch, 160).reshape(-1, world, batch // world)
    ranks = [set(groups[steps[:, rank].ravel()].tolist()) for rank in range(world)]
    assert sum(len(rank) for rank in ranks) <= 160 + 2 * world
    assert sum(len(rank) for rank in ranks) >= 160


@given(st.integers(1, 200), st.integers(1, 64), st.integers(2, 20))
def test_few_groups_are_in_use_at_a_time(buffer, batch, size):
    groups = groups_of([size] * 40)
    used = groups[streamed_order(groups, 5, 1, batch, buffer)]
    if len(groups) <= buffer:
        return
    uses = [np.flatnonzero(used == group) for group in np.unique(used)]
    alive = np.zeros(len(used) + 1, dtype=int)
    for use in uses:
        alive[use[0]] += 1
        alive[use[-1] + 1] -= 1
    lanes = lanes_of(groups, batch, buffer)
    assert alive.cumsum().max() <= lanes * (buffer // lanes / size + 4)


@given(SIZES, st.integers(1, 300), st.integers(0, 99))
def test_the_sample_for_statistics(sizes, count, seed):
    few = sample_order(groups_of(sizes), count, seed)
    assert 0 < len(few) <= count and len(few) <= sum(sizes)
    assert few.tolist() == sorted(set(few.tolist()))
