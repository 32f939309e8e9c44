"""How large a first study becomes: within its time, with enough steps, larger with more time."""

from hypothesis import given
from hypothesis import strategies as st

from compound.orchestrator.first_spec.first_network import ladder
from compound.orchestrator.first_spec.study_size import (
    LEAST_STEPS,
    Available,
    StudySize,
    batch_of,
    largest_within,
    smallest,
)

ROOMS = st.builds(
    Available,
    st.sampled_from([8, 14, 28, 32, 96, 256]).map(ladder),
    st.integers(30, 2_000_000),
    st.integers(10, 200_000),
)


def seconds(size: StudySize) -> float:
    """A forecast of its own: images seen, times pixels, times trainings."""
    networks = (size.degree + 1) * (size.degree + 2) / 2 + 2
    return 1e-8 * size.epochs * size.images * size.network.resolution**2 * networks * size.seeds


@given(available=ROOMS)
def test_the_smallest_study_trains_enough(available: Available) -> None:
    size = smallest(available)
    assert size.steps >= LEAST_STEPS and size.epochs >= 4 and size.seeds >= 3
    assert size.images <= available.train and size.validation <= available.validation
    assert size.batch == batch_of(size.images)


@given(available=ROOMS, limit=st.floats(1, 1e6))
def test_a_study_keeps_within_its_time(available: Available, limit: float) -> None:
    size = largest_within(limit, available, seconds)
    assert seconds(size) <= limit or size == smallest(available)
    assert size.images <= available.train and size.validation <= available.validation
    assert size.steps >= LEAST_STEPS and size.network in available.networks


@given(available=ROOMS)
def test_nothing_fits_into_no_time_and_growth_ends(available: Available) -> None:
    assert largest_within(0, available, seconds) == smallest(available)
    endless = largest_within(float("inf"), available, seconds)
    assert endless.network == available.networks[-1]
    assert endless.images == available.train


def test_more_time_gives_a_dearer_study() -> None:
    available = Available(ladder(64), 5_000, 1_000)
    spent = [seconds(largest_within(limit, available, seconds)) for limit in (3, 30, 300, 3000)]
    assert spent == sorted(spent) and len(set(spent)) == 4
