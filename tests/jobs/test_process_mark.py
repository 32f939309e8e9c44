"""Marks tell processes apart, also those that use a number again."""

import os
import subprocess
import sys

from compound.jobs.process_mark import MARK, own_mark, runs

PRINT_MARK = "from compound.jobs.process_mark import own_mark; print(own_mark())"


def test_a_process_that_runs_is_seen() -> None:
    assert MARK.fullmatch(own_mark())
    assert runs(own_mark())


def test_a_process_that_has_ended_is_seen() -> None:
    ended = subprocess.run([sys.executable, "-c", PRINT_MARK], capture_output=True, text=True)
    mark = ended.stdout.strip()
    assert MARK.fullmatch(mark)
    assert not runs(mark)


def test_a_number_that_is_used_again_is_another_process() -> None:
    place, number, start = own_mark().split("-")
    assert not runs(f"{place}-{number}-{int(start) - 1}")


def test_a_zombie_has_ended() -> None:
    child = subprocess.Popen([sys.executable, "-c", f"{PRINT_MARK}"], stdout=subprocess.PIPE)
    assert child.stdout is not None
    mark = child.stdout.read().decode().strip()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert not runs(mark)
    child.wait()


def test_a_process_of_another_machine_counts_as_running() -> None:
    assert runs("0" * 12 + "-1-1")
