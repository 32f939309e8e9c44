"""What the operating system says: every error in words, with its path and a way out."""

import errno
import os

import pytest

from compound.jobs.wording.os_errors import machine_error


@pytest.mark.parametrize("number", errno.errorcode, ids=errno.errorcode.__getitem__)
def test_every_error_has_its_path_and_a_way_out(number: int) -> None:
    refused = machine_error(OSError(number, os.strerror(number), "/data/x.png"))
    assert refused.where == "/data/x.png" and refused.message and refused.next_step
    assert "Errno" not in str(refused) and refused.exit_code == 2


def test_paths_of_every_form() -> None:
    cases = {
        "b\\udce9": OSError(errno.ENOENT, "no", b"b\xe9"),
        "a -> b": OSError(errno.EXDEV, "no", "a", None, "b"),
        "file descriptor 3": OSError(errno.EBADF, "no", 3),
        "": OSError("validate_socket_filename failed"),
    }
    for where, error in cases.items():
        refused = machine_error(error)
        assert refused.where.encode("unicode_escape").decode() == where or refused.where == where
        assert refused.message and refused.next_step


def test_no_folder_for_temporary_files() -> None:
    refused = machine_error(FileNotFoundError(errno.ENOENT, "No usable temporary directory found"))
    assert "temporary files" in refused.message and "TMPDIR" in refused.next_step
