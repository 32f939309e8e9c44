"""Wilson's interval for a fraction."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compound.orchestrator.statistics.wilson import wilson


def test_published_values() -> None:
    # Newcombe (1998), table I, method 3: 81/263, 15/148, 0/20 and 1/29 at 95 %.
    for right, count, ends in (
        (81, 263, (0.2553, 0.3662)),
        (15, 148, (0.0624, 0.1605)),
        (0, 20, (0.0, 0.1611)),
        (1, 29, (0.0061, 0.1718)),
    ):
        assert wilson(right / count, count, 0.95) == pytest.approx(ends, abs=5e-5)


@given(st.integers(1, 10**7).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_it_contains_what_was_found_and_narrows(pair: tuple[int, int]) -> None:
    right, count = pair
    low, high = wilson(right / count, count, 0.9)
    assert 0 <= low <= right / count <= high <= 1
    wider = wilson(right / count, count, 0.99)
    assert wider[0] <= low
    assert wider[1] >= high
