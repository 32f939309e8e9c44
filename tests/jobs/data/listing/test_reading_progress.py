"""On a terminal a long reading shows how far it is, in one line that is gone afterwards."""

import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios

import pytest

SLOW = """
import sys, time
from compound.jobs.data.listing.reading_progress import progress
def items(count):
    for number in range(count):
        if number % 256 == 0:
            time.sleep(0.2)
        yield number
try:
    for number in progress(items({count}), {total}, {doing!r}):
        if number == {fails}:
            raise SystemExit("failed")
finally:
    print("after", file=sys.stderr)
"""


def on_terminal(columns: int = 80, **settings) -> str:
    """Run a slow reading on a terminal of so many columns; return what it wrote there."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    code = SLOW.format(
        **{"count": 2000, "total": 2000, "doing": "reading:", "fails": -1} | settings
    )
    child = subprocess.Popen(
        [sys.executable, "-c", code], stdin=theirs, stdout=theirs, stderr=theirs
    )
    os.close(theirs)
    written = b""
    # Reading ends with EIO once the child has closed the terminal.
    while chunk := _read(ours):
        written += chunk
    child.wait()
    os.close(ours)
    return written.decode()


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 4096)
    except OSError:
        return b""


def test_a_line_is_written_over_and_removed():
    written = on_terminal()
    lines = re.findall(r"\rreading: ([\d,]+) of 2,000", written)
    assert len(lines) >= 2 and len(set(lines)) == len(lines)
    assert re.search(r"\r +\rafter\r\n$", written) and written.count("\n") == 1
    assert "\x1b" not in written


def test_an_unknown_total_is_left_out():
    assert re.search(r"\rreading: [\d,]+\r", on_terminal(total=None))


def test_an_error_stands_in_a_line_of_its_own():
    written = on_terminal(fails=1800)
    assert re.search(r"\r +\rafter\r\nfailed\r\n$", written)


@pytest.mark.parametrize("columns", [30, 80])
def test_a_line_is_never_wider_than_the_terminal(columns):
    written = on_terminal(columns, doing=f"hashing /{'folder/' * 20}:")
    lines = re.findall(r"\r(hashing [^\r]+)", written)
    assert lines and max(map(len, lines)) < columns
    assert all(line.startswith("hashing /") and line.endswith(" of 2,000") for line in lines)


def test_nothing_is_written_where_nobody_looks():
    code = SLOW.format(count=1000, total=1000, doing="reading:", fails=-1)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr == "after\n"
