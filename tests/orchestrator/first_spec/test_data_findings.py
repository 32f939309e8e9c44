"""What a first look finds: too few images, small classes, names that must not be mirrored."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compound.orchestrator.first_spec.data_findings import (
    allowed_bad,
    few_of_class,
    looks,
    mirrors,
    refuse_too_few,
)
from compound.orchestrator.first_spec.foreseen_text import about, busy_line, late_line
from compound.orchestrator.first_spec.image_parts import fractions
from compound.orchestrator.first_spec.resolvable_points import noise, smallest_difference
from compound.schemas.data import DataInfo
from compound.schemas.data_ledger import Appearance, DataLedger, PartLedger, Tally
from compound.schemas.errors import DataError


def info(counts: dict[str, int], bad: int = 0, held: int = 20) -> DataInfo:
    taken = sum(counts.values())
    part = PartLedger(
        part="train", where="x", found=taken, taken=taken, class_counts=tuple(counts.values())
    )
    return DataInfo(
        fingerprint="0",
        classes=tuple(counts),
        in_channels=3,
        size=32,
        train=taken,
        validation=held,
        quarantined=("bad",) * bad,
        ledger=DataLedger(parts=(part,)),
    )


def test_too_few_images_are_refused_with_numbers() -> None:
    refuse_too_few(info({"cat": 40, "dog": 40}), "photos")
    with pytest.raises(DataError, match=r"29 images of 3 classes, 9\.7 of each"):
        refuse_too_few(info({"a": 3, "b": 3, "c": 3}), "photos")


def test_small_classes_are_counted() -> None:
    (line,) = few_of_class(info({"cat": 40, "dog": 9, "emu": 3}))
    assert line == "2 classes with fewer than 10 training images: dog, emu"


@given(good=st.integers(50, 10_000), bad=st.integers(0, 3_000))
def test_max_bad_lets_exactly_these_data_pass(good: int, bad: int) -> None:
    allowed = allowed_bad(info({"a": good}, bad, held=0))
    assert bad <= (0.01 if allowed is None else allowed) * (good + bad) + 1e-9


@pytest.mark.parametrize(
    ("classes", "mirrored"),
    [
        (("cat", "dog"), True),
        (("0", "1", "9"), False),
        (("a", "b"), False),
        (("10", "11"), False),
        (("turn_left", "turn_right"), False),
    ],
)
def test_digits_letters_and_sides_are_not_mirrored(
    classes: tuple[str, ...], mirrored: bool
) -> None:
    assert mirrors(info(dict.fromkeys(classes, 50))) == mirrored


def test_a_line_says_how_the_images_look() -> None:
    sizes = tuple(Tally(value=value, count=1) for value in ("640 x 480", "28 x 30", "99 x 20"))
    seen = Appearance(
        sampled=3, listed=3, sizes=sizes, modes=(Tally(value="RGB", count=3),), oriented=2
    )
    (line,) = looks(DataLedger(appearance=seen))
    assert line == (
        "looked at all 3 images: 28 x 30 to 640 x 480 px, 3 RGB; 2 with an orientation tag"
    )


def test_parts_are_held_out_where_there_are_none() -> None:
    assert fractions(360, own_validation=False, own_test=False) == (0.3, None)
    assert fractions(360, own_validation=True, own_test=False) == (None, None)
    assert fractions(50_000, own_validation=False, own_test=False) == (0.1, 0.1)
    assert fractions(50_000, own_validation=False, own_test=True) == (0.1, None)


def test_the_foreseen_noise_is_near_what_was_measured() -> None:
    """The quickstart's 1,000 images (1.3 points), the published CIFAR-10's 5,000 (0.66)."""
    assert noise(1000) == pytest.approx(0.013, rel=0.2)
    assert noise(5000) == pytest.approx(0.0066, rel=0.2)


def test_a_busy_machine_is_told_and_an_idle_one_is_not() -> None:
    assert not [*busy_line(1.0, 2)]
    (line,) = busy_line(18.0, 2)
    assert "load 18 on 2 CPUs" in line and "10 times as long" in line


def test_a_study_that_takes_longer_than_asked_is_told() -> None:
    assert not [*late_line(100, 2)]
    (line,) = late_line(125, 2)
    assert "takes 2.1 min, longer than the 2 min" in line
    assert [about(seconds) for seconds in (90, 150, 900)] == ["90 s", "2.5 min", "15 min"]


def test_one_seed_shows_nothing_and_more_images_show_more() -> None:
    assert smallest_difference(1, 10, 0.9, 100) is None
    few, many = (smallest_difference(3, 10, 0.9, images) for images in (100, 10_000))
    assert few and many and few == pytest.approx(10 * many)
