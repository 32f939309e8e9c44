"""Specs: what holds is taken, what does not is refused with its place and a way out."""

import os
import re
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compound.orchestrator.spec.load import load
from compound.schemas.errors import CompoundError, SpecError
from compound.schemas.study import SPEC, StudySpec

GOOD = """\
kind: study
name: quick
data: {source: digits}
baseline:
  resolution: 16
  stages:
    - {kernel: 3, channels: 8}
    - {kernel: 3, channels: 16, stride: 2}
search:
  design: {kind: lattice, degree: 4}
  seeds: 3
  train: {epochs: 3}
train: {epochs: 5, batch: 64}
"""


@pytest.fixture
def spec(tmp_path: Path):
    """Return a function that writes GOOD with one text replaced, and loads it."""

    def write(old: str = "", new: str = "", *overrides: str) -> StudySpec:
        assert old in GOOD
        path = tmp_path / "spec.yaml"
        path.write_text(GOOD.replace(old, new, 1) if old else GOOD)
        loaded = load(path, overrides).spec
        assert isinstance(loaded, StudySpec)
        return loaded

    return write


def test_the_search_inherits_what_it_does_not_say(spec) -> None:
    loaded = spec()
    assert (loaded.search.train.epochs, loaded.search.train.batch) == (3, 64)
    assert loaded.train.epochs == 5


def test_yaml_1_2_numbers_and_words(spec) -> None:
    assert spec("batch: 64", "batch: 64, learning_rate: 1e-3").train.learning_rate == 1e-3


def test_a_spec_survives_its_own_json(spec) -> None:
    loaded = spec()
    assert SPEC.validate_json(loaded.model_dump_json()) == loaded


SEARCH_RANGE = "resources: {search: {workers: {min: 1, max: 2}}}"
FAMILY_RANGE = "resources: {family: {workers: {min: %d, max: %d}}}"
OWN = "baseline: {factory: 'my_network:build', resolution: 32}"
STAGES = """\
  resolution: 16
  stages:
    - {kernel: 3, channels: 8}
    - {kernel: 3, channels: 16, stride: 2}
"""
DATES = [
    ("2024-13-45", "month must be in 1..12; '2024-13-45' in quotes is a text"),
    ("2024-02-30", "has the form of a date, and is none: day is out of range"),
    ("2024-12-01 25:00:00", "hour must be in 0..23"),
    ("2024-12-01T10:00:00+99:99", "offset must be"),
]
MISTAKES = [
    *(("degree: 4", f"degree: {date}", "10:35", words) for date, words in DATES),
    ("kind: study\nname: quick", 'kind: "study\nname: "quick"', "1:7", "in line 2, ends its text"),
    ("name: quick", "name: 'quick\nstore: ''\n'seed': 1", "2:7", "in line 4, ends its text"),
    ("{source: digits}", '{source: "digits}\nseed: 3\n"retries": 1', "3:16", "in line 5, ends"),
    ("name: quick", 'name: "quick', "2:7", "this quote is never closed"),
    ("name: quick", "name quick", "2:1", "a key without a colon"),
    ("name: quick", "name: a: b", "2:8", "put a value with a colon in quotes"),
    ("name: quick", "name: @x", "2:7", "put the value in quotes"),
    ("name: quick", "<<: {a: b}", "2:1", "merge keys"),
    ("name: quick", "1: 2", "2:1", "a key is a text"),
    ("name: quick", "name: *a", "2:7", "anchors"),
    ("name: quick", "name: 2024-01-01", "2:7", "2024-01-01 is a date, not a text"),
    ("name: quick", "name: true", "2:7", "next: put the value in quotes"),
    ("name: quick", 'name: quick\nstore: "a\\0b"', "3:8", "no NUL character"),
    ("kind: study", 'kind: "st\\e[31m"', "1:7", "'st\\x1b[31m'"),
    ("kind: study", "%YAML 1.1\n---\nkind: study", "1:1", "a spec is YAML 1.2"),
    ("kind: study", "# one\n\n%YAML 1.1\n---\nkind: study", "3:1", "a spec is YAML 1.2"),
    ("data: {source: digits}", "data: {source: digits", "3:7", "this bracket is never closed"),
    ("channels: 8}", "channels: 8", "7:7", "this bracket is never closed"),
    ("channels: 8}", "channels: many}", "7:29", "'many' is a text, not a whole number"),
    ("    - {kernel: 3, channels: 8}", "   - {kernel: 3, channels: 8}", "7:4", "3 spaces"),
    ("  seeds: 3", "seeds: 3", "12:8", "line 11 by 0"),
    ("seeds: 3", "seeds: 3\n  seeds: 2", "12:3", "duplicate key 'seeds': it stands in line 11"),
    ("seeds: 3", "seeds: 3\n  epochs: 4", "12:3", "`epochs` belongs under `train`"),
    ("seeds: 3", "seeds: true", "11:10", "true and false are no numbers"),
    ("degree: 4", "degree: true", "10:35", "true and false are no numbers"),
    ("epochs: 5", "epochs: yes", "13:17", "'yes' is a text in YAML 1.2"),
    ("epochs: 5", "epochs: 1:30", "13:17", "'1:30' is a text"),
    ("epochs: 5", "epochs: 010", "13:17", "write 10, or 0o10 for octal"),
    ("epochs: 5", "epochs: 089", "13:17", "write 89; '089' in quotes is a text"),
    (STAGES, "  name: efficientnetv2-s\n", "5:9", OWN),
    (STAGES, "  name: resnet50\n", "5:9", "did you mean 'resnet-50'?"),
    (f"\n{STAGES}", " regnet\n", "4:11", OWN),
    (f"\n{STAGES}", " resnet-50\n", "4:11", "{name: resnet-50}"),
]
REFUSED = [
    ("epochs: 3", "epoch: 3", "12:11", "unknown key 'epoch', did you mean 'epochs'?"),
    ("epochs: 5", "epohcs: 5", "13:9", "unknown key 'epohcs'"),
    ("degree: 4", "degre: 4", "10:27", "did you mean 'degree'"),
    ("kind: lattice", "kind: latice", "10:18", "no such kind: 'latice', did you mean 'lattice'?"),
    ("kind: study", "kind: stuy", "1:7", "no such kind"),
    ("kind: study\n", "", "1:1", "kind is missing"),
    ("name: quick\n", "", "1:1", "'name' is missing"),
    ("name: quick", "name: ../../x", "2:7", "has '.', '/', which a name may not have"),
    ("name: quick", "name: /etc/x", "2:7", "next: write `name: etc-x`"),
    ("name: quick", f"name: {'a' * 300}", "2:7", "up to 63 lower case letters"),
    ("name: quick", "name: quick.", "2:7", "next: write `name: quick`"),
    ("name: quick", "name: Quick", "2:7", "next: write `name: quick`"),
    ("name: quick", 'name: "quick\\n"', "2:7", "has '\\n'"),
    ("source: digits", "source: digts", "3:16", "did you mean 'digits'"),
    ("{source: digits}", "{}", "3:7", "source is missing"),
    ("channels: 16", "channels: .nan", "8:29", "finite"),
    ("channels: 16", "chanels: 16", "8:19", "did you mean 'channels'"),
    ("stride: 2", "stride: 3", "8:41", "1 or 2"),
    (
        "resolution: 16",
        "resolution: -1",
        "5:15",
        "allowed: a whole number from 1 up to 8,192\n  next: write `resolution: 1`",
    ),
    ("seeds: 3", "seeds: many", "11:10", "allowed: a whole number"),
    ("batch: 64", "batch: 64, learning_rate: .nan", "13:46", "finite"),
    ("batch: 64", "batch: 64, accumulate: 3", "13:43", "does not divide"),
    ("kind: lattice, degree: 4", "kind: grid, alpha: [-1, 2]", "10:32", "alpha[0]"),
    (
        "kind: lattice, degree: 4",
        "kind: grid, alpha: [2, 1]",
        "10:31",
        "write the smaller number first",
    ),
    ("kind: lattice, degree: 4", "kind: grid, step: 0.001", "10:30", "251,252,001 grid points"),
    ("search:", "search: 3\nsearch_:", "9:9", "allowed: keys with values"),
    ("train: {epochs: 5, batch: 64}", "train: 5", "13:8", "not keys with values"),
    ("name: quick", "name: quick\nname: quick", "3:1", "duplicate key"),
    ("  resolution: 16", "\tresolution: 16", "5:1", "indent with spaces, not with tabs"),
    ("name: quick", "name: !!python/object:os.system x", "2:7", "tags are not supported"),
    ("name: quick", "name: &a quick", "2:7", "anchors"),
    ("kind: study", "kind: study\n---\nkind: study", "2:1", "one document"),
    ("kind: study", f"kind: study\n{SEARCH_RANGE}", "2:31", "only family jobs may have"),
    ("kind: study", f"kind: study\n{FAMILY_RANGE % (3, 2)}", "2:37", "more than max, which is 2"),
    ("kind: study", f"kind: study\n{FAMILY_RANGE % (0, 2)}", "2:37", "next: write `min: 1`"),
    *MISTAKES,
    ("seeds: 3", f"seeds: {'[' * 50}{']' * 50}", "11:46", "nested more than 40 deep"),
]


@pytest.mark.parametrize(
    ("old", "new", "place", "words"), REFUSED, ids=[r[1][:40] for r in REFUSED]
)
def test_what_does_not_hold_is_refused_with_its_place(spec, old, new, place, words) -> None:
    with pytest.raises(SpecError) as caught:
        spec(old, new)
    assert caught.value.where.endswith(f"spec.yaml:{place}")
    assert words in str(caught.value)
    assert re.search(r"\n  \| .*\n  \| +\^|\n  \| \^", str(caught.value)), "source line and caret"


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("train.epochs=0", "epochs: 0 is too small"),
        ("train.epoch=1", "unknown key 'epoch'"),
        ("search.budget.multiple=.nan", "finite"),
        ("baseline.stages.1.repeats=0", "next: type --set baseline.stages.1.repeats=1"),
        ("name.x=3", "plain value"),
        ("train.epochs", "not an override"),
        ("=3", "not an override"),
        ("train.epochs=[", "expected"),
        ("baseline=resnet-18", "goes under `name`: {name: resnet-18}"),
        ("baseline=[1]", "keys with values"),
    ],
)
def test_a_bad_override_is_named(spec, override: str, words: str) -> None:
    with pytest.raises(SpecError, match=re.escape(words)) as caught:
        spec("", "", override)
    assert caught.value.where.startswith(f"--set {override.split('=')[0]}")


def test_overrides_reach_into_maps_lists_and_what_is_not_there_yet(spec) -> None:
    loaded = spec("", "", "train.epochs=7", "baseline.stages.1.repeats=3", "family.phi=[1, 2]")
    assert loaded.train.epochs == 7
    assert loaded.baseline.stages[1].repeats == 3
    assert loaded.family.phi == (1.0, 2.0)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"[" * 100_000, "nested"),
        (b"{a: " * 40_000, "nested"),
        (b"x" * 100_000_000, "it has 100,000,000 bytes, more than 200,000"),
        (b"a: \xff\xfe", "not UTF-8"),
        (b"", "a spec is a mapping"),
        (b"- 1", "a spec is a mapping"),
        (b'a: "\x00"', "not YAML"),
        (b"a: b: c", "a second colon"),
        (b"k: 1\n" * 39_000, "more than"),
        (b"kind: study\nseed: " + b"1" * 5000, "a number of 5,000 digits"),
        (b"a: b\nc: d\x1b\n", "bad.yaml:2:5: not YAML: a text has no character U\\+001B"),
        ("kind: study".encode("utf-16"), "next: iconv -f UTF-16 -t UTF-8 bad.yaml"),
        (b"a: b\ncaf\xe9: 1", "bad.yaml:2: not UTF-8 text: byte 0xe9"),
        (b"\xef\xbb\xbfkind: study\n", "'name' is missing"),
    ],
    ids=[
        *("deep", "deep-maps", "huge", "latin", "empty", "list", "nul", "syntax", "wide", "digits"),
        *("escape", "utf-16", "latin-1", "bom"),
    ],
)
def test_hostile_files_are_refused_quickly(tmp_path: Path, content: bytes, words: str) -> None:
    path = tmp_path / "bad.yaml"
    path.write_bytes(content)
    started = time.monotonic()
    with pytest.raises(SpecError, match=words):
        load(path)
    assert time.monotonic() - started < 10  # a hang, not a figure


def test_a_missing_file_and_a_folder(tmp_path: Path) -> None:
    for path in (tmp_path / "none.yaml", tmp_path):
        with pytest.raises(SpecError, match="cannot read"):
            load(path)


def test_a_pipe_and_a_device_are_no_spec(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.yaml")
    for path in (tmp_path / "pipe.yaml", Path("/dev/zero")):
        with pytest.raises(SpecError, match="cannot read the spec: it is"):
            load(path)


DATA = "data: {source: image_folder, path: %s}"


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("~/photos", "/home/ada/photos"),
        ("$DISK/photos", "/mnt/big/photos"),
        ("${DISK}5/$DISK", "/mnt/big5//mnt/big"),
        ("a$$DISK", "a$DISK"),
        ("cost 5$", "cost 5$"),
        ("a~b/~", "a~b/~"),
        ("s3://bucket/$DAY", "s3://bucket/today"),
    ],
)
def test_home_and_variables_are_written_out_in_every_path(
    spec, monkeypatch: pytest.MonkeyPatch, written: str, meant: str
) -> None:
    for name, value in {"HOME": "/home/ada", "DISK": "/mnt/big", "DAY": "today"}.items():
        monkeypatch.setenv(name, value)
    loaded = spec("data: {source: digits}", DATA % f"'{written}', cache: '{written}'")
    assert (loaded.data.path, loaded.data.cache) == (meant, meant)
    assert spec("name: quick", f"name: quick\nstore: '{written}'").store == meant
    assert SPEC.validate_json(loaded.model_dump_json()) == loaded, "what is stored stays"
    unchanged = loaded.model_copy(update={"data": loaded.data.model_copy(update={"path": written})})
    assert SPEC.validate_json(unchanged.model_dump_json()) == unchanged


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ("$NOT_SET/x", "$NOT_SET in a path: the variable is not set"),
        ("${NOT_SET}", "${NOT_SET} in a path: the variable is not set"),
        ("$EMPTY/x", "the variable is empty"),
        ("${", "write $$ for $"),
        ("~no-such-user/x", "this machine has no such user"),
    ],
)
def test_a_path_that_cannot_be_written_out_is_refused(
    spec, monkeypatch: pytest.MonkeyPatch, written: str, words: str
) -> None:
    monkeypatch.setenv("EMPTY", "")
    with pytest.raises(SpecError, match=re.escape(words)) as caught:
        spec("data: {source: digits}", DATA % f"'{written}'")
    assert caught.value.where.endswith("spec.yaml:3:36")


QUOTED = """\
"kind": "study"
"name": "quick"
"data": {"source": "digits"}
"baseline":
  "name": "resnet-18"
"search":
  "design": {"kind": "lattice"}
  "controls":
    - "width"
    - "depth"
"store": "runs"
"""


@pytest.mark.parametrize("quote", ['"', "'"])
def test_an_open_quote_is_blamed_on_its_own_line(tmp_path: Path, quote: str) -> None:
    path, text = tmp_path / "spec.yaml", QUOTED.replace('"', quote)
    quotes = [at for at, letter in enumerate(text) if letter == quote]
    path.write_text(text)
    load(path)
    for closing in quotes[1::2]:
        path.write_text(text[:closing] + text[closing + 1 :])
        with pytest.raises(SpecError) as caught:
            load(path)
        line = text.count("\n", 0, closing) + 1
        assert caught.value.where.startswith(f"{path}:{line}:"), str(caught.value)


@settings(max_examples=150, deadline=None)
@given(st.text(max_size=60), st.integers(0, len(GOOD)), st.integers(0, 30))
def test_damaged_specs_load_or_say_why(tmp_path_factory, text: str, at: int, gone: int) -> None:
    path = tmp_path_factory.mktemp("fuzz") / "spec.yaml"
    path.write_text(GOOD[:at] + text + GOOD[at + gone :], encoding="utf-8", errors="replace")
    try:
        load(path)
    except CompoundError as error:
        assert str(error)
