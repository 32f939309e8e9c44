"""A file of weights that is none, or that unpacks to gigabytes, is refused by its first bytes."""

import io
import json
import zipfile
from pathlib import Path

import pytest
import safetensors.torch
import torch

from compound.jobs.models.weight_file import MAX_BYTES, read
from compound.schemas.errors import ArchitectureError
from tests.support.strange_files import STRANGE, put


def header(fields: object, length: int | None = None) -> bytes:
    text = json.dumps(fields).encode()
    return (len(text) if length is None else length).to_bytes(8, "little") + text


def one(end: int) -> dict[str, object]:
    return {"w": {"dtype": "F32", "shape": [end // 4], "data_offsets": [0, end]}}


HOSTILE = {
    "no header": b"",
    "a header of 2^60 bytes": header({}, 2**60),
    "a header that is cut off": header({}, 50),
    "a header of other things": header([1, 2]),
    "a header without offsets": header({"w": 1}),
    "offsets that are no numbers": header({"w": {"data_offsets": [0, "x"]}}),
    "more bytes than there are": header(one(2**40)) + bytes(8),
    "fewer bytes than there are": header(one(4)) + bytes(8),
}


@pytest.mark.parametrize("suffix", [".safetensors", ".pth"])
@pytest.mark.parametrize("kind", STRANGE)
def test_what_is_no_file_is_refused(tmp_path: Path, kind: str, suffix: str) -> None:
    path = put(kind, tmp_path / f"w{suffix}")
    with pytest.raises(ArchitectureError, match="cannot read") as caught:
        read(path)
    assert caught.value.where == str(path)
    assert kind != "terabyte" or caught.value.allowed == f"at most {MAX_BYTES:,} bytes"


@pytest.mark.parametrize("name", HOSTILE)
def test_a_header_that_does_not_fit_its_file_is_refused(tmp_path: Path, name: str) -> None:
    path = tmp_path / "w.safetensors"
    path.write_bytes(HOSTILE[name])
    with pytest.raises(ArchitectureError, match="not a file of weights"):
        read(path)


@pytest.mark.parametrize("name", ["w.safetensors", "w.pth"])
def test_a_file_of_gigabytes_of_holes_is_refused_unread(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    with path.open("wb") as file:
        file.truncate(MAX_BYTES)
    with pytest.raises(ArchitectureError, match="not a file of weights"):
        read(path)


def test_an_archive_that_unpacks_to_more_than_it_has_is_refused(tmp_path: Path) -> None:
    saved = io.BytesIO()
    torch.save({"w": torch.zeros(2**20)}, saved)
    path = tmp_path / "w.pth"
    with zipfile.ZipFile(saved) as source, zipfile.ZipFile(path, "w") as target:
        for part in source.infolist():
            target.writestr(part.filename, source.read(part), zipfile.ZIP_DEFLATED)
    with pytest.raises(ArchitectureError, match=r"an archive of .* bytes that unpacks to"):
        read(path)


def test_files_as_they_are_saved_are_read(tmp_path: Path) -> None:
    tensors = {"w": torch.arange(6.0), "empty": torch.empty(0)}
    safetensors.torch.save_file(tensors, tmp_path / "w.safetensors", {"format": "pt"})
    torch.save(tensors, tmp_path / "w.pth")
    torch.save(tensors, tmp_path / "old.pth", _use_new_zipfile_serialization=False)
    (tmp_path / "link.pth").symlink_to("w.pth")
    for name in ("w.safetensors", "w.pth", "old.pth", "link.pth"):
        assert read(tmp_path / name).tensors["w"].tolist() == list(range(6)), name
