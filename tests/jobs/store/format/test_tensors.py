"""The safetensors files that are written without a copy, and the hash taken over pieces."""

import errno
import math
import os
from pathlib import Path

import pytest
import safetensors.torch
import torch
from hypothesis import given
from hypothesis import strategies as st

from compound.jobs.store.backend import local_files as local
from compound.jobs.store.backend.local_files import LocalFiles
from compound.jobs.store.format import tensors
from compound.jobs.store.format.checksummed_files import PIECE, described, read_verified
from compound.jobs.store.format.checksummed_json import DamagedError, sha256
from compound.jobs.store.format.manifest import StoredFile

DTYPES = (torch.float32, torch.float64, torch.bfloat16, torch.int64, torch.uint8, torch.bool)
SHAPES = st.lists(st.integers(0, 4), max_size=4).map(tuple)


def tensor(dtype: torch.dtype, shape: tuple[int, ...], strided: bool) -> torch.Tensor:
    values = (torch.arange(math.prod(shape)) % 3).reshape(shape).to(dtype)
    return values.mT if strided and values.ndim > 1 else values


NAMED = st.dictionaries(
    st.text(min_size=1, max_size=5).filter(lambda name: name != "__metadata__"),
    st.builds(tensor, st.sampled_from(DTYPES), SHAPES, st.booleans()),
    max_size=6,
)


@given(NAMED)
def test_both_programs_read_what_the_other_wrote(named: dict[str, torch.Tensor]) -> None:
    encoded = b"".join(tensors.encode(named))
    theirs = safetensors.torch.save({name: tensor.contiguous() for name, tensor in named.items()})
    for decoded in (
        safetensors.torch.load(encoded),
        tensors.decode(encoded),
        tensors.decode(theirs),
    ):
        assert decoded.keys() == named.keys()
        for name, tensor in named.items():
            assert decoded[name].dtype == tensor.dtype and torch.equal(decoded[name], tensor)


def test_dense_tensors_are_written_from_where_they_are() -> None:
    values = torch.zeros(10)
    _, view = tensors.encode({"values": values})
    values[3] = 1
    assert torch.frombuffer(bytearray(view), dtype=torch.float32)[3] == 1


def stored(folder: Path, size: int) -> tuple[LocalFiles, StoredFile, Path]:
    """Write a file of some size, in views that are no pieces."""
    files, data = LocalFiles(str(folder)), memoryview(torch.arange(size).to(torch.uint8).numpy())
    views = [data[start : start + 300_007] for start in range(0, size, 300_007)]
    files.put({"a/file": views})
    return files, described("a/file", views), folder / "a/file"


@pytest.mark.parametrize("size", [1, PIECE, PIECE + 1, 3 * PIECE, 3 * PIECE + 17])
def test_a_file_is_proved_as_a_whole_or_in_pieces(tmp_path: Path, size: int) -> None:
    files, entry, path = stored(tmp_path, size)
    data = path.read_bytes()
    pieces = [sha256(data[start : start + PIECE]) for start in range(0, size, PIECE)]
    whole = sha256(b"".join(map(bytes.fromhex, pieces)))
    assert (entry.size, entry.piece) == (size, 0 if size <= PIECE else PIECE)
    assert entry.sha256 == (sha256(data) if size <= PIECE else whole)
    assert bytes(read_verified(files, entry)) == data


@pytest.mark.parametrize("how", ["flip", "cut", "cut to a piece", "longer", "swap", "missing"])
def test_damage_anywhere_in_a_large_file_is_found(tmp_path: Path, how: str) -> None:
    files, entry, path = stored(tmp_path, 3 * PIECE + 17)
    data = bytearray(path.read_bytes())
    if how == "flip":
        data[2 * PIECE + 5] ^= 4
    elif how == "swap":
        data[:PIECE], data[PIECE : 2 * PIECE] = b"\1" * PIECE, data[:PIECE]
    elif how == "longer":
        data += b"x"
    elif how.startswith("cut"):
        data = data[:PIECE] if "piece" in how else data[:-1]
    path.write_bytes(data)
    if how == "missing":
        path.unlink()
    words = {"flip": "sha256", "swap": "sha256", "missing": "missing", "longer": "more than"}
    with pytest.raises(DamagedError, match=words.get(how, "bytes")) as caught:
        read_verified(files, entry)
    assert caught.value.where == str(path)


@pytest.mark.parametrize("size", [1, 3 * PIECE])
def test_a_sector_that_cannot_be_read_is_damage(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    files, entry, _ = stored(tmp_path, size)

    def unreadable(*arguments: object, **options: object) -> int:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(os, "preadv", unreadable)
    monkeypatch.setattr(local, "read_regular", unreadable)
    with pytest.raises(DamagedError, match="cannot read it"):
        read_verified(files, entry)
