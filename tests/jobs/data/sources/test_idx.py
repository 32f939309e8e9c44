"""Files of MNIST's format that cannot be read say what they are."""

import numpy as np
import pytest

from compound.jobs.data.source import inspect, opened, summarise
from compound.schemas.errors import DataError
from tests.support.idx_files import idx_bytes, idx_of

WRONG = {
    b"": "not an idx file: it begins with nothing",
    b"\x1f\x8a12": "not an idx file: it begins with 1f 8a",
    b"\0\0\x08\x03\0\0": "only 6 bytes: its header is cut off",
    b"\0\0\x07\x03" + bytes(12): "not an idx file: it begins with 00 00 07 03",
    idx_bytes(np.zeros((40, 6, 6)), "i2"): "an idx file of integers of 2 bytes in 3 dimensions",
    idx_bytes(np.zeros(40)): "an idx file of unsigned bytes in 1 dimension",
    b"\0\0\x08\x03" + b"\x80\0\0\0" * 3 + b"x": "2147483648 x 2147483648 x 2147483648",
}


@pytest.mark.parametrize("content", WRONG, ids=list(WRONG.values()))
def test_a_file_that_cannot_be_read_says_what_it_is(tmp_path, content):
    spec = idx_of(tmp_path, "train:40")
    (tmp_path / "train-images-idx3-ubyte").write_bytes(content)
    with pytest.raises(DataError) as caught:
        summarise(spec)
    assert WRONG[content] in str(caught.value) and "train-images-idx3-ubyte" in str(caught.value)


def test_test_images_of_another_size_are_refused_where_they_are_read(tmp_path):
    spec = idx_of(tmp_path, "train:40 t10k:10=8x8")
    for read in (inspect, lambda data: opened(data, part="test")):
        with pytest.raises(DataError, match="test images of 8 x 8 pixels"):
            read(spec)


def test_every_other_file_is_counted(tmp_path):
    spec = idx_of(tmp_path, "train:40 t10k:10 emnist-train:4 notes.txt training.md .hidden")
    (tmp_path / "raw").mkdir()
    (tmp_path / "raw" / "train-images-idx3-ubyte").write_bytes(b"")
    (entry,) = summarise(spec).ledger.unused
    assert (entry.count, entry.reason) == (6, "beside the files of the parts")
