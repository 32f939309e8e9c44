"""The white of a data set comes from all images, and no few of them may set it alone."""

import numpy as np
import pytest

from compound.jobs.data.listing.image_file import opened
from compound.jobs.data.pixels.eight_bits import step_to, white_of
from compound.jobs.data.pixels.white_point import GreyRange, step_of
from compound.schemas.errors import DataError
from tests.support.image_files import folder
from tests.support.pictures import tiff

SPEC = folder("photos")


def add(ranges, name, value, kind, white_is_zero=False):
    with opened(tiff(np.array([[0, value]]).astype(kind), white_is_zero)) as image:
        ranges.add(name, image)


def greys(*brightest, kind="u2"):
    ranges = GreyRange()
    for number, value in enumerate(brightest):
        add(ranges, f"{number}.tif", value, kind)
    return ranges


@pytest.mark.parametrize("white", [0.5, 1, 254, 255, 4095, 65535, 2**32 - 1])
def test_a_step_and_its_white_belong_together(white):
    assert white_of(step_to(white)) == pytest.approx(white)


@pytest.mark.parametrize("images", [1, 7, 8, 100, 1000])
def test_few_bright_images_are_named_where_there_are_enough_others(images):
    ranges = greys(*[4000] * (images - 1), 65000)
    if images < 8:
        assert step_of(ranges, SPEC) == 256
    else:
        with pytest.raises(DataError, match=rf"1 of {images:,} .* 65,000, .* in {images - 1}.tif"):
            step_of(ranges, SPEC)
    assert step_of(ranges, folder("photos", white=4095)) == 16


def test_images_of_all_brightnesses_set_no_alarm():
    assert step_of(greys(*range(100, 65_000, 500)), SPEC) == 256
    assert step_of(greys(*[4000] * 90, *[65_000] * 10), SPEC) == 256


def test_types_that_have_no_common_white_are_refused():
    ranges = greys(*[4000] * 5)
    add(ranges, "odd.tif", 0.5, "f4")
    with pytest.raises(DataError, match=r"1 of 6 .* floating point"):
        step_of(ranges, SPEC)
    with pytest.raises(DataError, match="no usual number of bits holds"):
        step_of(greys(3.4e38, kind="f4"), SPEC)


def test_what_is_cut_off_is_counted():
    ranges = greys(-3, 10, 4000, kind="i4")
    assert (ranges.negative, ranges.above(9), ranges.above(4000)) == (1, 2, 0)


def test_a_file_whose_0_is_white_declares_its_white():
    ranges = GreyRange()
    add(ranges, "a.tif", 60_000, "u2", white_is_zero=True)
    assert step_of(ranges, SPEC) == 256
