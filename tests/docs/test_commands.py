"""Every command of every page runs, on one small stored study; what cannot run is counted."""

import re
import shlex
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from tests.support.command import compound
from tests.support.documented import COMMANDS, mistakes
from tests.support.house import ROOT
from tests.support.image_files import write_photographs
from tests.support.pages import DOCS, Block, blocks, commands, pages, prose

SMALL = [
    "--runner=local",
    "--set=search.seeds=2",
    "--set=search.recipe_check=false",
    "--set=family.seeds=1",
    "--set=train.epochs=2",
    "--set=train.learning_rate=4.8",
    "--set=resources.family.workers=1",
]
"""What makes a study of few images a matter of seconds."""
FEW = ["--set=data.limit=1000", "--set=data.validation_limit=300"]
"""The images of the quickstart that its stored study was trained on."""
SHORT = [*SMALL, *FEW]
"""What makes the quickstart a matter of seconds."""
REASONS = {
    "another machine": 2,
    "bucket keys": 1,
    "cluster": 4,
    "makes an environment": 2,
    "needs CIFAR-10": 1,
    "needs Spark": 1,
    "needs the id of a job": 1,
    "planned by another test": 1,
    "runs the tests": 1,
    "a minute of measuring": 1,
    "serves until Ctrl-C": 2,
    "trains for minutes": 2,
}
"""Blocks that do not run, by reason."""
SHELL = ("cp", "ls", "mkdir", "tar")
"""Programs that lines of a page may start beside the command."""
TUTORIAL = DOCS / "tutorial" / "photographs.md"
LANGUAGES = ("sh", "python")


def runnable(page: Path) -> list[Block]:
    """Return the blocks of a page that run."""
    return [b for b in blocks(page) if b.language in LANGUAGES and not b.reason]


PAGES = [page for page in pages() if runnable(page)]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder as a reader has it after the quickstart: examples, and the study's store."""
    folder = tmp_path_factory.mktemp("home")
    for name in ("docs", "examples"):
        (folder / name).symlink_to(ROOT / name)
    write_photographs(folder / "photographs")
    ran = compound("run", "examples/quickstart.yaml", *SHORT, "--no-report", cwd=folder)
    assert ran.returncode == 0, ran.stderr
    return folder


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_command_of_a_page_runs(page: Path, home: Path, tmp_path: Path) -> None:
    """In the order of the page, in a folder of its own."""
    here = tmp_path / "home"
    shutil.copytree(home, here, symlinks=True)
    for block in runnable(page):
        if block.language == "python":
            carry_out([sys.executable, "-c", block.text], here, block)
            continue
        for line in fresh(commands(block), page):
            run_line(line.replace("/tmp/published", str(tmp_path / "published")), here, block)


def fresh(lines: list[str], page: Path) -> list[str]:
    """Return what runs here: what the README has of the tutorial runs there."""
    if page != ROOT / "README.md":
        return lines
    shown = {plain(line) for b in blocks(TUTORIAL) for line in commands(b)}
    return [line for line in lines if plain(line) not in shown]


def plain(line: str) -> str:
    """Return a line as every page would write it."""
    return shlex.join(shlex.split(line, comments=True)).removeprefix(".venv/bin/")


def run_line(line: str, here: Path, block: Block) -> None:
    """Run a line of a block: the command in this process, a few programs by a shell."""
    words = shlex.split(line, comments=True)
    if words[0].removeprefix(".venv/bin/") == "compound":
        ran = compound(*typed(words[1:]), cwd=here)
        assert ran.returncode in allowed(words), f"{block.place}: {line}\n{ran.stdout}{ran.stderr}"
    elif words[0] != "make":
        assert words[0] in SHELL, f"{block.place}: {line}: mark why it is not run"
        carry_out(["bash", "-c", line], here, block)


def carry_out(words: list[str], here: Path, block: Block) -> None:
    ran = subprocess.run(words, cwd=here, capture_output=True, text=True)
    assert ran.returncode == 0, f"{block.place}: {ran.stderr}"


def typed(words: list[str]) -> list[str]:
    """Return a command as typed, made short where it trains or measures."""
    if "--images" in words:
        return [*words, "--no-probe"]
    if words[0] == "compare":
        return [*words, "--no-latency"]
    if words[0] in ("plan", "validate") and "examples/quickstart.yaml" in words:
        return [*words, *FEW]
    if words[0] != "run":
        return words
    return [*words, *(SHORT if "examples/quickstart.yaml" in words else SMALL)]


def allowed(words: list[str]) -> tuple[int, ...]:
    """Return the exit codes of a right command.

    The doctor judges the machine that tests run on; what a short study reaches is chance.
    """
    if "doctor" in words:
        return (0, 1)
    return (0, 2) if "--accuracy" in words else (0,)


def test_blocks_that_do_not_run_are_counted() -> None:
    found = [b for page in pages() for b in blocks(page) if b.reason]
    assert Counter(block.reason for block in found) == REASONS
    assert not [block.place for block in found if block.language not in LANGUAGES]


def test_commands_that_do_not_run_have_the_options_that_they_name() -> None:
    lines = [
        (block.place, re.search(r"\bcompound (?!scaling)(.+)", line))
        for page in pages()
        for block in blocks(page)
        if block.reason and block.language == "sh"
        for line in commands(block)
        if not re.search(r"compound\.\w|\bpip\b", line)
    ]
    named = [(place, shlex.split(m[1], comments=True)) for place, m in lines if m]
    assert len(named) > 10
    assert not [f"{place}: {m}" for place, words in named for m in mistakes(words)]


def test_commands_within_sentences_have_the_options_that_they_name() -> None:
    named = [
        (page.name, shlex.split(words))
        for page in pages()
        if page.name != "mistakes.md"  # which shows wrong ones
        for words in re.findall(r"`(?:\.venv/bin/)?compound ([a-z-][^`]*)`", prose(page))
        if "|" not in words
    ]
    assert len(named) > 50
    assert not [f"{name}: {m}" for name, words in named for m in mistakes(words)]


def test_shell_blocks_are_marked_as_such() -> None:
    """A block without a language is what a program prints, or a folder."""
    unmarked = [
        block.place
        for page in pages()
        for block in blocks(page)
        if not block.language
        for line in block.text.splitlines()
        if line.split()[:2] and line.split()[0] == "compound" and line.split()[1] in COMMANDS
    ]
    assert not unmarked


def test_targets_of_make_exist() -> None:
    known = set(re.findall(r"^([a-z0-9-]+):", (ROOT / "Makefile").read_text(), re.M))
    shell = [line for p in pages() for b in blocks(p) if b.language == "sh" for line in commands(b)]
    text = "\n".join([*map(prose, pages()), *shell])
    named = set(re.findall(r"(?:`|^)make ([a-z0-9-]+)", text, re.M))
    assert len(named) > 5 and named <= known
