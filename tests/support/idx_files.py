"""Files of MNIST's format, by the sentence that docs/reference/data.md has for each input."""

import gzip
import re
from pathlib import Path

import numpy as np

from compound.schemas.data import DataSpec, IdxData

IDX: dict[str, str] = {
    "the four files of MNIST": "train:40 t10k:10",
    "the same, packed": "train:40.gz t10k:10.gz",
    "training files alone": "train:40",
    "a file that is cut off": "train:40!",
    "images without labels": "train:40?",
    "a file both packed and not": "train:40 train:40.gz",
    "test images of another size": "train:40 t10k:10=8x8",
    "images as numbers with a decimal point": "train:40>f4",
    "images of three channels": "train:40=6x6x3",
    "a header of more images than there are": "train:40^",
    "another data set beside MNIST's files": "train:40 emnist-train:40 notes.txt",
}
"""`part:N` are the two files of N images; `.gz`: packed, `!`: cut off, `?`: images alone, `=`: of
this size, `>f4`: of this type, `^`: their header says 2^31 images. A word without `:` is a file."""
_CODES = {"u1": 8, "i2": 11, "f4": 13}
_WORD = re.compile(r"(\d+)(\.gz)?([!?^]?)(?:=([\dx]+))?(?:>(\w+))?")


def idx_of(root: Path, layout: str) -> DataSpec:
    """Write files of MNIST's format, and return their spec."""
    root.mkdir(exist_ok=True)
    for word in layout.split():
        if ":" in word:
            _write_part(root, word)
        else:
            (root / word).write_text("text")
    return IdxData(source="idx", path=str(root), validation=0.25)


def _write_part(root: Path, word: str) -> None:
    part, _, rest = word.partition(":")
    match = _WORD.fullmatch(rest)
    assert match, rest
    count, packed, change, size, kind = int(match[1]), match[2] or "", match[3], match[4], match[5]
    shape = (count, *map(int, (size or "6x6").split("x")))
    pixels = np.random.default_rng(len(part)).integers(0, 256, shape, dtype=np.uint8)
    images = idx_bytes(pixels, kind or "u1")
    images = images[:-5] if change == "!" else images
    images = images[:4] + (2**31).to_bytes(4) + images[8:] if change == "^" else images
    files = {f"images-idx{pixels.ndim}": images}
    if change != "?":
        files["labels-idx1"] = idx_bytes(np.arange(count) % 4)
    for name, data in files.items():
        path = root / f"{part}-{name}-ubyte{packed}"
        path.write_bytes(gzip.compress(data) if packed else data)


def idx_bytes(values: np.ndarray, kind: str = "u1") -> bytes:
    """Return values as an idx file of a type: `u1`, `i2` or `f4`."""
    header = bytes((0, 0, _CODES[kind], values.ndim)) + np.array(values.shape, ">u4").tobytes()
    return header + values.astype(f">{kind}").tobytes()
