"""What a verdict after rungs says that it holds of."""

import pytest

from compound.orchestrator.choose.rungs_text import claim
from compound.schemas.verdict import Promoted


def test_without_rungs_or_with_all_promoted_there_is_nothing_to_say() -> None:
    assert claim(None, 0.9) == ""
    assert claim(Promoted(networks=5, promoted=5, rate=1.0, close=0.01), 0.9) == ""


def test_the_claim_is_of_those_promoted_with_the_simulated_rate() -> None:
    assert claim(Promoted(networks=26, promoted=6, rate=0.874, close=0.0052), 0.9) == (
        "This holds of the 6 of 26 candidates promoted: the best of these is in the tied set with "
        "90 %. In 87 % of studies simulated from these scores, the best of all 26, or a candidate "
        "within 0.5 points of it, was promoted."
    )


@pytest.mark.parametrize("rate", [0.992, 1.0])
def test_no_simulated_rate_is_certain(rate: float) -> None:
    assert "In over 99 % of" in claim(Promoted(networks=9, promoted=5, rate=rate, close=0.01), 0.95)


def test_an_unknown_rate_is_said_to_be_unknown() -> None:
    text = claim(Promoted(networks=9, promoted=5, rate=None, close=None), 0.9)
    assert text.endswith("is unknown, since the noise is.")
