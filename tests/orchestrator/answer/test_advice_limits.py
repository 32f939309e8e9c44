"""Limits as people write them: taken, or refused with what is allowed."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compound.orchestrator.answer.advice_limits import ALLOWED, option_of, parsed
from compound.schemas.errors import SpecError


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("params", "5M", 5e6),
        ("params", "350k", 350e3),
        ("params", "1_200_000", 1.2e6),
        ("params", "2b", 2e9),
        ("params", "17,338", 17338),
        ("cpu_hours", "2d", 48),
        ("gpu_hours", "45s", 0.0125),
        ("macs", "1.5G", 1.5e9),
        ("macs", "4e8", 4e8),
        ("latency", "20ms", 0.02),
        ("latency", "0.5 s", 0.5),
        ("latency", "800us", 8e-4),
        ("gpu_hours", "40", 40),
        ("gpu_hours", "40h", 40),
        ("gpu_hours", "90min", 1.5),
        ("gpu_hours", "2d", 48),
        ("multiple", "16x", 16),
        ("multiple", ".5", 0.5),
        ("accuracy", "0.85", 0.85),
        ("accuracy", "85%", 0.85),
        ("accuracy", "84.5 %", 0.845),
    ],
)
def test_an_amount_with_its_unit(name, text, value):
    limit = parsed(name, text)
    assert (limit.name, limit.value) == (name, pytest.approx(value))


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("params", ""),
        ("params", "five"),
        ("params", "-5M"),
        ("params", "0"),
        ("params", "5T"),
        ("params", "1,5M"),
        ("params", "1e999"),
        ("params", "nan"),
        ("macs", "1.5.2G"),
        ("latency", "20"),
        ("latency", "20m"),
        ("gpu_hours", "40ms"),
        ("gpu_hours", "inf"),
        ("multiple", "16 times"),
        ("accuracy", "85"),
        ("accuracy", "1"),
        ("accuracy", "100%"),
        ("accuracy", "0"),
    ],
)
def test_what_is_no_limit_is_refused_with_what_is(name, text):
    with pytest.raises(SpecError) as caught:
        parsed(name, text)
    assert caught.value.where == option_of(name) and caught.value.allowed == ALLOWED[name]


@given(name=st.sampled_from(sorted(ALLOWED)), text=st.text(max_size=12))
def test_any_text_is_a_positive_number_or_refused(name, text):
    with suppress(SpecError):
        assert parsed(name, text).value > 0
