"""Every command at a terminal of 80 and of 40 columns: lines fit, numbers are whole."""

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest

from compound.orchestrator.cli.printing.named_study import find
from compound.orchestrator.cli.study.run_summary import RunSummary, show
from tests.support.command import compound
from tests.support.stored_studies import PUBLISHED, ROOT, of_schema, published
from tests.support.terminal import command_on_terminal, on_terminal

WIDE = 400
QUICKSTART = str(ROOT / "examples" / "quickstart.yaml")
_BOLD = re.compile(r"\x1b\[1m(.*?)\x1b\[0m")
_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")


@dataclass(frozen=True)
class Stores:
    """The addresses of stored studies."""

    published: str
    small: str
    damaged: str

    def words(self, command: str) -> list[str]:
        """Return a command with its addresses."""
        named = {"PUBLISHED": self.published, "SMALL": self.small, "DAMAGED": self.damaged}
        return [named.get(word, word) for word in command.split()]


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory) -> Stores:
    """Return three stores; in the last one files are missing, cut and foreign."""
    damaged = of_schema(4, tmp_path_factory.mktemp("d"))
    rows = [*Path(damaged).rglob("rows-*.parquet")]
    rows[0].unlink()
    rows[1].write_bytes(rows[1].read_bytes()[:100])
    (Path(damaged) / "studies" / "notes of a stranger.txt").write_text("not ours")
    small = of_schema(4, tmp_path_factory.mktemp("s"))
    return Stores(published(tmp_path_factory.mktemp("p")), small, damaged)


COMMANDS = [
    "list --store PUBLISHED",
    "list --store DAMAGED",
    f"status {PUBLISHED} --store PUBLISHED",
    "status small --store SMALL",
    f"advise {PUBLISHED} --multiple 4 --store PUBLISHED",
    "verify --store PUBLISHED",
    "verify --store DAMAGED",
    "fsck --store DAMAGED",
    "fsck --store SMALL",
    "gc small --store SMALL --keep-best 0",
    f"metrics {PUBLISHED} --store PUBLISHED --test --format table",
    "metrics small --store SMALL --format table",
    "models",
    "models --pure",
    "count efficientnet-b4 --stages",
    "count resnet-50 --phi 2",
    "compare --no-latency",
    f"data {QUICKSTART}",
    f"plan {QUICKSTART}",
    f"plan {ROOT / 'examples' / 'digits.yaml'}",
    f"plan {ROOT / 'examples' / 'one-variant.yaml'}",
    "status nobody --store SMALL",
]


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("columns", [80, 40])
def test_lines_fit_and_nothing_is_cut(command: str, columns: int, stores: Stores) -> None:
    words = stores.words(command)
    check(partial(command_on_terminal, *words), columns)


@pytest.mark.parametrize("columns", [80, 40])
def test_the_end_of_a_run_fits(columns: int, stores: Stores) -> None:
    store, study = find(PUBLISHED, stores.published)
    summary = RunSummary("done", "", [], 0, as_json=False, drawn=False)
    shown = check(partial(on_terminal, lambda: show(store, study, summary)), columns)
    assert "test part: " in shown


def check(printed: Callable[..., str], columns: int) -> str:
    """Compare what reaches a narrow terminal with what reaches a wide one; return the former."""
    whole, narrow = (printed(columns=width) for width in (WIDE, columns))
    lines = _BOLD.sub(r"\1", narrow).replace("\r", "").split("\n")
    assert [line for line in lines if len(line) > columns and not is_one_word(line)] == []
    left_out = re.findall(r"of\s+(\d+)\s+columns\s+has", narrow)
    known = Counter(_NUMBER.findall(whole)) + Counter(left_out)
    assert set(_NUMBER.findall(narrow)) <= set(known)
    headings = {word for part in _BOLD.findall(whole) for word in _words(part)}
    assert headings <= _words(_BOLD.sub(r"\1", narrow))
    return narrow


def _words(text: str) -> set[str]:
    return set(re.split(r"[\s,()]+", text))


def is_one_word(line: str) -> bool:
    """Whether a line holds only what has no space in it, such as a path, and how a line begins."""
    return len(line.removesuffix(" \\").split()) == 1


def test_elsewhere_lines_have_the_width_that_they_need(stores: Stores) -> None:
    told = compound(*stores.words(f"status {PUBLISHED} --store PUBLISHED")).stdout
    assert "\x1b" not in told and "left out:" not in told.split("data:")[0]
    assert max(map(len, told.splitlines())) > 150


def test_no_styles_where_they_are_not_wanted(
    stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "\x1b[1m" in command_on_terminal("list", "--store", stores.small)
    for name, value in (("NO_COLOR", "1"), ("TERM", "dumb")):
        with monkeypatch.context() as patch:
            patch.setenv(name, value)
            assert "\x1b" not in command_on_terminal("list", "--store", stores.small)
