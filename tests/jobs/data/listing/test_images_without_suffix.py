"""Files without a suffix are images by their first bytes, in every format that can be read."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, PpmImagePlugin, TiffImagePlugin

from compound.jobs.data.listing.image_file import FORMATS
from compound.jobs.data.listing.images_below import is_image
from compound.jobs.data.source import inspect
from tests.support.image_files import folder

GREY = np.arange(64, dtype=np.uint8).reshape(8, 8)
WRITTEN = [
    *((kind, "L", {}) for kind in ("PNG", "JPEG", "WEBP", "BMP", "TIFF", "PPM", "GIF")),
    *(("PPM", mode, {}) for mode in ("1", "RGB", "F")),
    *(("TIFF", mode, {"big_tiff": True}) for mode in ("L", "RGB", "F")),
    *(("AVIF", "RGB", {}) for kind in FORMATS if kind == "AVIF"),
]


@pytest.mark.parametrize(("kind", "mode", "options"), WRITTEN)
def test_every_format_is_known_by_its_first_bytes(kind: str, mode: str, options: dict) -> None:
    sink = io.BytesIO()
    Image.fromarray(GREY).convert(mode).save(sink, kind, **options)
    assert is_image(sink.getvalue()[:16])


def test_whatever_pillow_reads_as_tiff_or_netpbm_is_an_image() -> None:
    for head in TiffImagePlugin.PREFIXES:
        assert is_image(head + bytes(12)), head
    for head in PpmImagePlugin.MODES:
        assert is_image((head + b"\n8 8 255\n")[:16]), head


@pytest.mark.parametrize("head", [b"", b"P", b"P5", b"Py", b"Perl code\n", b"II", b"MM\0", b"P7\n"])
def test_other_beginnings_are_none(head: bytes) -> None:
    assert not is_image(head)


@pytest.mark.parametrize("options", [{"format": "TIFF", "big_tiff": True}, {"format": "PPM"}])
def test_a_folder_without_suffixes_is_taken_whole(tmp_path: Path, options: dict) -> None:
    for name in "ab":
        (tmp_path / "train" / name).mkdir(parents=True)
        for number in range(12):
            pixels = np.full((8, 8), (number + 12 * (name == "b")) / 24, dtype=np.float32)
            image = Image.fromarray(pixels if options["format"] == "PPM" else GREY + number)
            image.save(tmp_path / "train" / name / str(number), **options)
    info = inspect(folder(str(tmp_path)))
    assert info.ledger is not None
    assert sum(part.taken for part in info.ledger.parts) == 24
