"""The commands as processes: exit codes, and streams that are the process's own.

Tests of what a command prints run it in their own process (tests/support/command.py). The README's
commands run as processes in tests/test_examples.py, and signals come in test_study.py.
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DIGITS = str(ROOT / "examples" / "digits.yaml")


@pytest.mark.parametrize(
    ("words", "code", "text"),
    [
        (["--help"], 0, "Find out how to spend more compute"),
        (["validate", DIGITS], 0, ""),
        (["models"], 0, "efficientnet-b0"),
        (["validate", "no-such.yaml"], 2, "no-such.yaml"),
        (["plan", DIGITS, "--set", "search.seeds=none"], 2, "search.seeds"),
        (["run", DIGITS, "--runner", "local", "--set", "store=/dev/null/x"], 2, "/dev/null"),
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


@pytest.mark.parametrize(
    "line",
    ["COMPOUND models", "COMPOUND models --json", "COMPOUND --help", "COMPOUND schema"],
)
def test_a_full_disk_under_stdout_is_told(line: str, tmp_path: Path) -> None:
    refused(ended(f"{line} > /dev/full", tmp_path), "stdout: no space is left on the disk")


def test_a_full_disk_under_stderr_keeps_the_code(tmp_path: Path) -> None:
    ran = ended("COMPOUND status nothing --store no-store 2> /dev/full", tmp_path)
    assert (ran.returncode, ran.stdout, ran.stderr) == (2, "", "")


def test_help_has_no_colours_even_where_they_are_forced(tmp_path: Path) -> None:
    ran = ended("COMPOUND count --help", tmp_path, FORCE_COLOR="1", GITHUB_ACTIONS="true")
    assert ran.returncode == 0 and "x1b" not in ran.stdout and "\x1b" not in ran.stdout


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
    line = f"mkdir gone && cd gone && rmdir ../gone && COMPOUND run {DIGITS} --runner local"
    refused(ended(line, tmp_path), "the folder that this command runs in has been deleted")


def test_a_locale_without_the_letters_of_a_name_is_told(tmp_path: Path) -> None:
    spec = tmp_path / "spec.yaml"
    spec.write_text(Path(DIGITS).read_text() + f"store: {tmp_path}/läufe\n", encoding="utf-8")
    plain = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    ran = ended("COMPOUND run spec.yaml --runner local", tmp_path, **plain)
    refused(ran, "the locale has no letters", "export PYTHONUTF8=1")


SPEC = """\
kind: train
name: small
store: {store}
data: {{source: synthetic, images: 64, validation_images: 32, size: 8}}
baseline:
  resolution: 8
  stem: {{channels: 4, stride: 1}}
  stages: [{{channels: 4, expand: 1, se: 0}}]
  head: 8
train: {{epochs: 3, batch: 32}}
resources: {{gpus: 0}}
"""
ROOT_ONLY = pytest.mark.skipif(
    os.geteuid() != 0 or not shutil.which("unshare"), reason="mounting needs root and unshare"
)
RUN = "COMPOUND run small.yaml --runner local --no-report"


@pytest.fixture
def small(tmp_path: Path) -> Path:
    (tmp_path / "small.yaml").write_text(SPEC.format(store=tmp_path / "disk" / "runs"))
    (tmp_path / "disk").mkdir()
    return tmp_path


@ROOT_ONLY
def test_a_disk_that_fills_up_during_a_run_is_told_and_the_run_resumes(small: Path) -> None:
    mounted = "mount -t tmpfs -o size=60k tmpfs disk"
    roomy = "mount -o remount,size=20m disk"
    code = f"{mounted}; {RUN} >&2; echo $?; {roomy}; {RUN} >&2; echo $?"
    ran = ended(f"unshare -m bash -c '{code}'", small)
    assert ran.stdout.split() == ["2", "0"], ran.stderr
    assert "no space is left on the device" in ran.stderr
    assert "free some space, then run the same command again: it resumes" in ran.stderr
    assert "Traceback" not in ran.stderr and "internal error" not in ran.stderr


@ROOT_ONLY
def test_a_run_ends_with_the_answer_and_a_row_for_each_network(tmp_path: Path) -> None:
    (tmp_path / "small.yaml").write_text(SPEC.format(store="runs"))
    ran = ended(f"{RUN} --set train.epochs=8", tmp_path)
    assert ran.returncode == 0, ran.stderr
    row = re.search(r"\n *[\d.]+ +d\S+ .* 1 of 1 done +([\d.]+)%", ran.stdout)
    assert row and f"{float(row[1]):.1f} % on validation images" in ran.stdout, ran.stdout


def test_a_store_on_a_read_only_disk_is_refused(small: Path) -> None:
    mounted = "mount -t tmpfs tmpfs disk; mkdir disk/runs; mount -o remount,ro disk"
    refused(ended(f"unshare -m bash -c '{mounted}; {RUN}'", small), "the store cannot be written")


def test_a_store_that_is_deleted_during_a_run_is_told(small: Path) -> None:
    begun = "until ls disk/runs/jobs/*/attempt* 2>/dev/null >&2; do sleep 0.1; done"
    line = f"{RUN} --set train.epochs=400 & {begun}; rm -rf disk; wait $!"
    refused(ended(line, small), "the store was deleted or moved while the study ran")


@pytest.mark.ray
def test_ray_with_few_open_files_is_refused(small: Path) -> None:
    line = "ulimit -n 64; COMPOUND run small.yaml --no-report"
    refused(ended(line, small, RAY_ADDRESS=""), "64 open files, and Ray needs more", "ulimit -n")


@pytest.mark.parametrize(
    "line",
    [f"env -u HOME {RUN}", f"HOME=/proc/1/none {RUN}", f"{RUN} <&-", f"ulimit -n 64; {RUN}"],
    ids=["no HOME", "HOME not writable", "stdin closed", "few open files"],
)
def test_a_run_needs_no_more_of_the_machine_than_its_store(small: Path, line: str) -> None:
    ran = ended(line, small)
    assert ran.returncode == 0, ran.stderr
    assert "done" in ran.stderr


@pytest.mark.ray
@pytest.mark.slow
@ROOT_ONLY
@pytest.mark.parametrize(
    "line",
    [
        "HOME=/proc/1/none COMPOUND",
        "unshare -m bash -c 'mount -t tmpfs -o size=1m tmpfs /dev/shm && COMPOUND",
    ],
    ids=["HOME not writable", "1 MiB of shared memory"],
)
def test_ray_runs_where_home_or_shared_memory_lack(small: Path, line: str) -> None:
    end = "'" if line.count("'") == 1 else ""
    ran = ended(f"{line} run small.yaml --no-report{end}", small, RAY_ADDRESS="")
    assert ran.returncode == 0, ran.stderr
    assert ": 1 job done in " in ran.stderr


@ROOT_ONLY
def test_ray_without_any_home_is_refused(tmp_path: Path) -> None:
    code = (
        "import os; from compound.cluster.machine_checks import check_home; "
        "os.environ.pop('HOME', None); os.setuid(54321); check_home()"
    )
    command = [sys.executable, "-c", code]
    ran = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, timeout=120)
    assert "user 54321 has no home folder, which Ray needs" in ran.stderr
    assert "export HOME=$(mktemp -d)" in ran.stderr
