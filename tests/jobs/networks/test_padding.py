"""TensorFlow's padding by its own rule."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compound.jobs.networks.padding import same_edges

KNOWN = {
    (224, 3, 2): (0, 1),
    (225, 3, 2): (1, 1),
    (224, 7, 2): (2, 3),
    (8, 5, 2): (1, 2),
    (7, 5, 1): (2, 2),
    (224, 3, 4): (0, 0),
    (6, 2, 1): (0, 1),
    (6, 1, 2): (0, 0),
}


@pytest.mark.parametrize("shape", KNOWN)
def test_edges_are_tensorflows(shape: tuple[int, int, int]) -> None:
    assert same_edges(*shape) == KNOWN[shape]


@given(st.integers(1, 300), st.integers(1, 9), st.integers(1, 4))
def test_no_pixel_more_than_needed_is_added(side: int, kernel: int, stride: int) -> None:
    edges = same_edges(side, kernel, stride)
    assert 0 <= edges.after - edges.before <= 1
    padded = side + sum(edges)
    assert (
        padded < kernel or (padded - kernel) // stride + 1 == -(-side // stride) or not sum(edges)
    )
    fewer = padded - 1
    assert not sum(edges) or fewer < kernel or (fewer - kernel) // stride + 1 < -(-side // stride)
