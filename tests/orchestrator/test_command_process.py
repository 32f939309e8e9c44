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


def ended(line: str, folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a line of the shell in which COMPOUND is the command."""
    return subprocess.run(
        ["bash", "-c", line.replace("COMPOUND", f"{sys.executable} -m compound")],
        capture_output=True,
        text=True,
        cwd=folder,
        env={**os.environ, **variables},
        timeout=240,
    )


def refused(ran: subprocess.CompletedProcess[str], *texts: str) -> None:
    assert ran.returncode == 2, ran.stderr
    assert all(text in ran.stderr for text in (*texts, "next: ")), ran.stderr
    assert "Traceback" not in ran.stderr and "internal error" not in ran.stderr


def test_a_deleted_working_folder_is_told(tmp_path: Path) -> None:
    line = f"mkdir gone && cd gone && rmdir ../gone && COMPOUND run {QUICKSTART} --runner local"
    refused(ended(line, tmp_path), "the folder that this command runs in has been deleted")


def test_a_locale_without_the_letters_of_a_name_is_told(tmp_path: Path) -> None:
    spec = tmp_path / "spec.yaml"
    spec.write_text(Path(QUICKSTART).read_text() + f"store: {tmp_path}/läufe\n", encoding="utf-8")
    plain = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    ran = ended("COMPOUND run spec.yaml --runner local", tmp_path, **plain)
    refused(ran, "the locale has no letters", "export PYTHONUTF8=1")
