"""What is no file, or too large a one, is refused by what it is, and nothing waits for it."""

import os
import threading
from pathlib import Path

import pytest

from compound.jobs.regular_file import (
    UnfitFileError,
    open_output,
    open_regular,
    read_document,
    read_regular,
)
from tests.support.strange_files import STRANGE, put

WORDS = {
    "pipe": "it is a pipe, not a file",
    "socket": "it is a socket, not a file",
    "device": "it is a device, not a file",
    "link to a device": "it is a device, not a file",
    "folder": "it is a folder, not a file",
    "terabyte": "it has 1,099,511,627,776 bytes, more than 1,000",
}


@pytest.mark.parametrize("kind", STRANGE)
def test_what_is_no_file_is_refused_by_what_it_is(tmp_path: Path, kind: str) -> None:
    path = put(kind, tmp_path / "x")
    for read in (read_regular, read_document):
        with pytest.raises(OSError) as caught:
            read(path, 1000)
        assert WORDS.get(kind, "") in (caught.value.strerror or "")
        assert isinstance(caught.value, UnfitFileError) == (kind in WORDS)


def test_a_link_to_a_file_is_followed_unless_it_must_not_be(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"content")
    (tmp_path / "link").symlink_to("file")
    assert read_regular(tmp_path / "link", 7) == b"content"
    with pytest.raises(UnfitFileError, match="a symbolic link"):
        read_regular(tmp_path / "link", 7, links=False)


def test_what_takes_the_files_place_after_the_check_is_refused_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The kind is checked on the open descriptor again, which no rename can change."""
    path = tmp_path / "x"
    path.write_bytes(b"content")
    real = os.stat

    def replaced(*arguments: object, **options: object) -> os.stat_result:
        state = real(*arguments, **options)
        put("pipe", path)
        return state

    monkeypatch.setattr(os, "stat", replaced)
    with pytest.raises(UnfitFileError, match="pipe"):
        open_regular(path)


def test_files_without_a_size_and_what_a_shell_hands_over_are_read() -> None:
    assert read_regular("/proc/self/status", 10**6).startswith(b"Name:")
    reader, writer = os.pipe()
    os.write(writer, b"name: x")
    os.close(writer)
    assert read_document(f"/dev/fd/{reader}", 100) == b"name: x"
    os.close(reader)
    zeros = os.open("/dev/zero", os.O_RDONLY)
    with pytest.raises(UnfitFileError, match="more than 1,000 bytes"):
        read_document(f"/dev/fd/{zeros}", 1000)
    os.close(zeros)


def test_an_output_may_be_a_device_or_a_pipe_that_is_read(tmp_path: Path) -> None:
    with open_output("/dev/null") as sink:
        sink.write(b"x")
    with pytest.raises(OSError, match="No space left"), open_output("/dev/full") as sink:
        sink.write(b"x")
    pipe = put("pipe", tmp_path / "pipe")
    read: list[bytes] = []
    handle = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    os.set_blocking(handle, True)
    reader = threading.Thread(target=lambda: read.append(os.read(handle, 100)))
    reader.start()
    with open_output(pipe) as sink:
        sink.write(b"x")
    reader.join()
    os.close(handle)
    assert read == [b"x"]


@pytest.mark.parametrize("kind", ["pipe", "socket", "folder"])
def test_an_output_that_nothing_can_be_written_to_is_refused(tmp_path: Path, kind: str) -> None:
    with pytest.raises(UnfitFileError, match=kind):
        open_output(put(kind, tmp_path / "x"))
