"""Names on a sheet are drawn with a font that has their letters, or as codes, which is told."""

import unicodedata

import numpy as np
import pytest
from PIL import Image, ImageFont

from compound.jobs.data.sheet_text import Lettering

NO_FONT = "\ue001"
"""A private character, for which no font has a picture."""


def written(text: str, width: int = 400) -> tuple[np.ndarray, int]:
    """Return the pixels of a line, and the width that it takes."""
    sheet = Image.new("L", (width, 24), "white")
    used = Lettering(13).write(sheet, (0, 0), text, width)
    return np.asarray(sheet), used


def has_font(name: str) -> bool:
    try:
        ImageFont.truetype(name)
    except OSError:
        return False
    return True


def test_latin_letters_are_drawn_and_others_are_codes_that_are_told():
    names = ["cat", "Über", NO_FONT, "a\nb", "\udcff"]
    assert Lettering(13).coded(names) == [NO_FONT, "a\nb", "\udcff"]
    for name, code in ((NO_FONT, "\\ue001"), ("a\nb", "a\\nb"), ("\udcff", "\\udcff")):
        assert np.array_equal(written(name)[0], written(code)[0])


@pytest.mark.skipif(not has_font("DejaVuSans.ttf"), reason="needs fonts-dejavu-core")
@pytest.mark.parametrize("name", ["Собаки", "Ελλάδα", "łoś", "עברית", "مرحبا"])
def test_letters_that_a_font_of_the_machine_has_are_drawn(name):
    pixels, used = written(name)
    assert not Lettering(13).coded([name])
    assert pixels.min() < 100 and not np.array_equal(pixels, written(ascii(name)[1:-1])[0])
    assert 0 < used == Lettering(13).length(name)


def test_accents_of_their_own_are_drawn_in_their_letters():
    name = "Über Café"
    apart = unicodedata.normalize("NFD", name)
    assert apart != name and not Lettering(13).coded([apart])
    assert np.array_equal(written(apart)[0], written(name)[0])


@pytest.mark.parametrize("text", ["x" * 10_000, "猫" * 500, "Собаки" * 300])
def test_a_text_is_cut_to_its_width(text):
    pixels, used = written(text, 120)
    assert used <= 120 and pixels[:, :10].min() < 100
