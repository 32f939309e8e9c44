"""The streams of every program: what is written through them is escaped, and errors name them."""

import errno
import io
import sys
from contextlib import redirect_stderr, redirect_stdout

import pytest

from compound.jobs.wording.plain_streams import PlainStream, obeying, open_streams, write_styled


def test_all_that_is_written_is_escaped_but_our_own() -> None:
    inner = io.StringIO()
    stream = PlainStream(inner, "stdout")
    assert stream.write("a\x1b[2J\n") == len("a\\x1b[2J\n")
    stream.writelines(["\u202eb", "\n"])
    write_styled(stream, "\x1b[1mc\x1b[0m")
    assert inner.getvalue() == "a\\x1b[2J\n\\u202eb\n\x1b[1mc\x1b[0m"


def test_it_is_no_terminal_for_those_who_send_colours(tmp_path) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    stream = PlainStream(Terminal(), "stdout")
    assert not stream.isatty() and obeying(stream).isatty() and stream.encoding is None


def test_streams_are_wrapped_once() -> None:
    with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
        open_streams()
        first = sys.stdout
        open_streams()
        assert sys.stdout is first and isinstance(sys.stderr, PlainStream)


@pytest.mark.parametrize("name", ["stdout", "stderr"])
def test_an_error_names_the_stream(name) -> None:
    class Full(io.StringIO):
        def flush(self) -> None:
            raise OSError(errno.ENOSPC, "No space left on device")

    stream = PlainStream(Full(), name)
    stream.write("a")
    with pytest.raises(OSError) as caught:
        stream.flush()
    assert caught.value.filename == name
