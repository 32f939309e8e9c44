"""Found is taken plus left out, whatever lies in a folder or in Parquet files."""

import os
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from compound.jobs.data.source import inspect, summarise
from compound.schemas.data import DigitsData, SyntheticData
from compound.schemas.errors import DataError
from tests.support.image_files import encoded, folder, parquet, write_folder, write_parquet

IMAGES = [encoded(number) for number in range(4)]
NAMES = ("1.png", "2.JPG", ".hidden.png", "notes.txt", "plain", "Thumbs.db", "3.gif", "x\udce9.png")
FOLDERS = ("", "a", "b", "b/deep", "a/.cache", "__MACOSX", ".git", "c")
CONTENTS = st.sampled_from([b"", b"text", *IMAGES])
TREES = st.dictionaries(st.tuples(st.sampled_from(FOLDERS), st.sampled_from(NAMES)), CONTENTS)


def write(root: Path, part: str, tree: dict[tuple[str, str], bytes]) -> int:
    """Write the files of a part; return how many."""
    for (place, name), data in tree.items():
        (root / part / place).mkdir(parents=True, exist_ok=True)
        (root / part / place / name).write_bytes(data)
    return len(tree)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(train=TREES, test=TREES)
def test_every_file_of_a_random_folder_is_counted(train, test):
    with tempfile.TemporaryDirectory() as path:
        write_folder(Path(path), 4)
        files = {"train": 8 + write(Path(path), "train", train)}
        files["test"] = write(Path(path), "test", test)
        try:
            info = inspect(folder(path, max_bad=0.9))
        except DataError as error:
            assert error.next_step or error.allowed
            return
        assert info.model_validate_json(info.model_dump_json()) == info
        by_part = {part.part: part for part in info.ledger.parts}
        unused = sum(entry.count for entry in info.ledger.unused)
        counted = by_part["test"].found if "test" in by_part else unused
        assert (by_part["train"].found, counted) == (files["train"], files["test"])
        assert by_part["train"].taken == info.train == sum(by_part["train"].class_counts)


@settings(max_examples=25, deadline=None)
@given(
    rows=st.lists(st.sampled_from([None, b"", b"text", *IMAGES]), min_size=8, max_size=30),
    limit=st.sampled_from([None, 5]),
)
def test_every_row_of_random_parquet_is_counted(rows, limit):
    with tempfile.TemporaryDirectory() as path:
        labels = [number % 2 for number in range(len(rows))]
        write_parquet(Path(path) / "a.parquet", rows, labels)
        try:
            info = inspect(parquet(path, max_bad=0.9, limit=limit))
        except DataError as error:
            assert error.next_step or error.allowed
            return
        train, validation = info.ledger.parts
        assert train.found == len(rows) and train.taken == info.train
        assert validation.taken == info.validation


def test_duplicates_are_told_within_and_between_parts(tmp_path):
    write_folder(tmp_path, 4)
    write_folder(tmp_path, 2, split="test")
    (tmp_path / "train/ant/copy.png").write_bytes(encoded(100))
    ledger = summarise(folder(str(tmp_path), validation=0.2)).ledger
    pairs = {entry.parts: entry.images for entry in ledger.duplicates}
    assert sum(pairs.get((part, "test"), 0) for part in ("train", "validation")) >= 4
    assert any("the same content and different labels" in note for note in ledger.notes)
    assert ledger.compared == 13


def test_rows_of_parquet_are_compared_when_they_are_read(tmp_path):
    images = [encoded(number) for number in range(10)]
    train = write_parquet(tmp_path / "a.parquet", images, [0, 1] * 5)
    held_out = write_parquet(tmp_path / "b.parquet", images[:4], [0, 1] * 2)
    spec = parquet(train, validation_path=held_out)
    assert summarise(spec).ledger.compared == 0
    (entry,) = inspect(spec).ledger.duplicates
    assert (entry.parts, entry.images) == (("train", "validation"), 4)
    assert entry.examples[0] == "b.parquet row 0"


def test_every_source_has_a_ledger(tmp_path):
    for spec in (
        DigitsData(source="digits", limit=100, test=0.1),
        SyntheticData(source="synthetic", limit=100, test_images=20),
    ):
        ledger = summarise(spec).ledger
        assert [part.part for part in ledger.parts] == ["train", "validation", "test"]
        assert ledger.parts[0].taken == 100


@pytest.fixture
def someone_else():
    """Be a user without rights, where the tests run as root."""
    if os.geteuid():
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.fixture
def root():
    """A folder that every user can enter; tmp_path is its owner's alone."""
    with tempfile.TemporaryDirectory() as path:
        os.chmod(path, 0o755)
        yield Path(write_folder(Path(path), 10))


def test_files_without_permission_are_counted_or_refused(root, request):
    (root / "train/ant/3.png").chmod(0)
    request.getfixturevalue("someone_else")
    with pytest.raises(DataError, match="1 of 20 images cannot be taken: 1 no permission to read"):
        summarise(folder(str(root)))
    train = summarise(folder(str(root), max_bad=0.1)).ledger.parts[0]
    assert {entry.reason: entry.examples for entry in train.left_out}["no permission to read"] == (
        "train/ant/3.png",
    )


def test_a_closed_folder_is_refused(root, request):
    (root / "train/bee").chmod(0)
    request.getfixturevalue("someone_else")
    with pytest.raises(DataError, match="cannot be read: Permission denied") as caught:
        summarise(folder(str(root)))
    assert f"chmod -R u+rX {root}/train/bee" in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"no image"])
def test_images_that_are_left_out_are_no_duplicates(tmp_path, content):
    write_folder(tmp_path, 10)
    for number in range(4):
        name = ("ant", "bee")[number % 2]
        (tmp_path / "train" / name / f"bad{number}.png").write_bytes(content)
    ledger = inspect(folder(str(tmp_path), max_bad=0.5)).ledger
    assert not ledger.duplicates and not any("same content" in note for note in ledger.notes)
    assert ledger.compared == sum(part.taken for part in ledger.parts) == 20


def test_rows_without_an_image_are_no_duplicates(tmp_path):
    images = [*(encoded(number) for number in range(16)), None, None, b"", b""]
    ledger = inspect(
        parquet(write_parquet(tmp_path / "a", images, [0, 1] * 10), max_bad=0.5)
    ).ledger
    assert not ledger.duplicates and not any("same content" in note for note in ledger.notes)
