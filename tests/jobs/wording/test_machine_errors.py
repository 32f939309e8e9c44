"""What the machine and the user's files cause is a sentence; what the program causes is not."""

import errno
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from pydantic import TypeAdapter

from compound.jobs.wording.machine_errors import in_words
from compound.schemas.errors import ExitCode, SpecError


def raised(action) -> BaseException:
    with pytest.raises(Exception) as caught:
        action()
    return caught.value


def deep() -> int:
    return deep() + 1


CAUSED = {
    "a path": Path("/no/such\x1b/file").read_bytes,
    "a folder": Path("/").read_bytes,
    "a NUL": lambda: OSError(errno.EINVAL, "Invalid argument", "a\x00"),
    "a pipe": lambda: BrokenPipeError(errno.EPIPE, "Broken pipe"),
    "a host": lambda: TimeoutError("timed out"),
    "no text": lambda: OSError(),
    "memory": lambda: MemoryError(),
    "numpy's memory": lambda: np.empty(2**60, np.uint8),
    "arrow's memory": lambda: pa.ArrowMemoryError("malloc of size 1152921504606846976 failed"),
    "torch's memory": lambda: RuntimeError("DefaultCPUAllocator: can't allocate memory"),
    "threads": lambda: RuntimeError("can't start new thread"),
    "bytes": lambda: b"caf\xe9".decode(),
    "a name": lambda: "caf\udce9".encode(),
    "pydantic's name": lambda: TypeAdapter(str).dump_json("caf\udce9"),
    "depth": deep,
}


@pytest.mark.parametrize("cause", CAUSED.values(), ids=CAUSED)
def test_what_the_machine_causes_has_a_sentence_and_a_way_out(cause) -> None:
    error = raised(lambda: _raise(cause()))
    refused = in_words(error)
    assert refused is not None and refused.exit_code == ExitCode.REFUSED
    assert refused.message and refused.next_step
    assert not {"Errno", "Error", "\x1b", "\x00"} & {*str(refused).split(), *refused.message}


def _raise(value: object) -> None:
    if isinstance(value, BaseException):
        raise value


@pytest.mark.parametrize("error", [AssertionError("x"), KeyError("x"), TypeError(), RuntimeError()])
def test_what_the_program_causes_stays_an_internal_error(error) -> None:
    assert in_words(error) is None


def test_our_own_errors_are_sentences_already() -> None:
    error = SpecError("no", where="a\nb")
    assert in_words(error) is error and str(error) == "a\\nb: no"
