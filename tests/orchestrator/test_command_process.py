"""The commands as processes: exit codes, and streams that are the process's own.

Tests of what a command prints run it in their own process (tests/support/command.py). The README's
commands run as processes in tests/test_examples.py, and signals come in test_study.py.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
QUICKSTART = str(ROOT / "examples" / "quickstart.yaml")


@pytest.mark.parametrize(
    ("words", "code", "text"),
    [
        (["--help"], 0, "Find out how to spend more compute"),
        (["validate", QUICKSTART], 0, ""),
        (["models"], 0, "efficientnet-b0"),
        (["validate", "no-such.yaml"], 2, "no-such.yaml"),
        (["plan", QUICKSTART, "--set", "search.seeds=none"], 2, "search.seeds"),
        (["run", QUICKSTART, "--runner", "local", "--set", "store=/dev/null/x"], 2, "/dev/null"),
        (["status", "nothing", "--store", "no-store"], 2, "no-store"),
        (["retry", "nothing", "--store", "no-store"], 2, "no-store"),
        (["fsck", "nothing", "--store", "no-store"], 2, "no-store"),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else "",
)
def test_a_command_ends_with_its_code(
    words: list[str], code: int, text: str, tmp_path: Path
) -> None:
    command = [sys.executable, "-m", "compound", *words]
    ran = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, timeout=120)
    assert ran.returncode == code, ran.stderr
    assert text in (ran.stderr if code else ran.stdout) and "Traceback" not in ran.stderr


@pytest.mark.parametrize("words", [["models"], ["count", "--help"]], ids=["table", "help"])
def test_a_command_that_nobody_reads_ends_quietly(words: list[str], tmp_path: Path) -> None:
    reads, writes = os.pipe()
    os.close(reads)
    ran = subprocess.run(
        [sys.executable, "-m", "compound", *words],
        stdout=writes,
        stderr=subprocess.PIPE,
        text=True,
        cwd=tmp_path,
        timeout=120,
    )
    os.close(writes)
    assert (ran.returncode, ran.stderr) == (141, "")


def test_a_command_runs_without_a_stdout(tmp_path: Path) -> None:
    line = f"exec {sys.executable} -m compound models >&-"
    ran = subprocess.run(["sh", "-c", line], stderr=subprocess.PIPE, cwd=tmp_path, timeout=120)
    assert (ran.returncode, ran.stderr) == (0, b"")
