"""Scaling: the official rounding, and what must hold for every baseline."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compound.jobs.networks.efficientnet import B0, VARIANTS, named
from compound.jobs.networks.scaling import round_channels, round_repeats, round_resolution, scale
from compound.schemas.architecture import Architecture, Coefficients, Rounding
from tests.support.random_architectures import ARCHITECTURES, MULTIPLIERS


@pytest.mark.parametrize(
    ("channels", "width", "rounded"),
    [
        (32, 1.1, 32),
        (16, 1.1, 16),
        (24, 1.1, 24),
        (40, 1.1, 48),
        (1280, 1.1, 1408),
        (32, 2.0, 64),
        (320, 1.8, 576),
        (24, 0.35, 8),
        (12, 1.0, 12),
    ],
)
def test_channels_round_as_released(channels: int, width: float, rounded: int) -> None:
    assert round_channels(channels, width) == rounded


@given(st.integers(1, 2000), st.floats(0.1, 8))
def test_channels_never_fall_by_more_than_a_tenth(channels: int, width: float) -> None:
    rounded = round_channels(channels, width)
    assert rounded == channels or rounded % 8 == 0
    assert rounded >= 0.9 * channels * width


def test_powers_do_not_add_a_layer_by_float_error() -> None:
    assert round_repeats(100, 1.1**2) == 121
    assert round_repeats(3, 1.1, "round") == 3
    assert round_repeats(1, 0.01) == 1


def test_resolution_follows_its_multiple_and_maximum() -> None:
    assert round_resolution(257.6) == 258
    assert round_resolution(257.6, Rounding(resolution=32)) == 256
    assert round_resolution(900, Rounding(max_resolution=800)) == 800
    assert round_resolution(900, Rounding(max_resolution=800, resolution=32)) == 800
    assert round_resolution(900, Rounding(max_resolution=37, resolution=8)) == 32


def test_a_maximum_below_the_smallest_multiple_is_refused() -> None:
    with pytest.raises(ValueError, match="smallest multiple"):
        Rounding(max_resolution=7, resolution=8)


def test_released_variants_have_the_paper_s_depths() -> None:
    depths = [named(name).depth for name in VARIANTS][:8]
    assert depths == [16, 23, 23, 26, 32, 39, 45, 55]


def test_the_published_coefficients_at_phi_1() -> None:
    network = scale(B0, Coefficients(alpha=1.2, beta=1.1, gamma=1.15))
    assert network.resolution == 258
    assert [stage.repeats for stage in network.stages] == [2, 3, 3, 4, 4, 5, 2]
    assert [stage.channels for stage in network.stages] == [16, 24, 48, 88, 120, 208, 352]


@given(ARCHITECTURES)
def test_scaling_by_one_or_by_phi_zero_changes_nothing(base: Architecture) -> None:
    assert scale(base, Coefficients()) == base
    assert scale(base, Coefficients(alpha=2, beta=2, gamma=2), phi=0) == base


@given(ARCHITECTURES, MULTIPLIERS, MULTIPLIERS, MULTIPLIERS)
def test_scaling_up_never_shrinks_a_stage(
    base: Architecture, alpha: float, beta: float, gamma: float
) -> None:
    scaled = scale(base, Coefficients(alpha=alpha, beta=beta, gamma=gamma))
    assert scaled.resolution >= base.resolution
    for before, after in zip(base.stages, scaled.stages, strict=True):
        assert after.repeats >= before.repeats
        assert after.channels >= 0.9 * before.channels
        assert (after.kernel, after.stride, after.expand) == (
            before.kernel,
            before.stride,
            before.expand,
        )


@given(ARCHITECTURES)
def test_the_identity_is_the_content(base: Architecture) -> None:
    again = Architecture.model_validate_json(base.model_dump_json())
    assert again == base
    assert again.id == base.id
    assert base.model_copy(update={"resolution": base.resolution + 1}).id != base.id


@given(
    ARCHITECTURES,
    st.builds(Coefficients, alpha=MULTIPLIERS, beta=MULTIPLIERS, gamma=MULTIPLIERS),
    st.floats(-20, 0),
    st.sampled_from([1, 4, 8]),
)
def test_scaling_down_leaves_a_network(
    base: Architecture, coefficients: Coefficients, phi: float, divisor: int
) -> None:
    small = scale(base, coefficients, phi, Rounding(channels=divisor))
    assert 1 <= small.resolution <= base.resolution
    for stage, before in zip(small.stages, base.stages, strict=True):
        assert 1 <= stage.repeats <= before.repeats
        assert stage.channels >= min(divisor, before.channels)
        assert stage.channels <= max(before.channels + divisor - 1, divisor)


@pytest.mark.parametrize(("gamma", "phi", "pixels"), [(1.05, 1, 33), (1.05, -1, 32), (1.3, 1, 40)])
def test_a_coarse_rounding_never_turns_the_direction_round(
    gamma: float, phi: float, pixels: int
) -> None:
    base = B0.model_copy(update={"resolution": 33})
    scaled = scale(base, Coefficients(gamma=gamma), phi, Rounding(resolution=8))
    assert scaled.resolution == pixels
