"""Names that are one name to people are matched, or refused where nobody can know."""

import unicodedata

import numpy as np
import pytest

from compound.jobs.data.source import inspect, summarise
from compound.jobs.data.sources.class_labels import FileLabels, match
from compound.jobs.data.sources.class_names import case_twins, composed, spelled
from compound.schemas.errors import DataError
from tests.support.data_inputs import files_of, folder_of

LINUX, MACOS = "Caf\u00e9", "Cafe\u0301"


def test_names_are_compared_in_one_form():
    assert composed(MACOS) == LINUX == composed(LINUX)
    assert spelled(MACOS) != spelled(LINUX)
    assert composed("\udce9") == "\udce9", "bytes that are no UTF-8 stay"
    assert case_twins(["CAFE\u0301", "dog", "x"], [LINUX, "cat", "dog"]) == {
        "CAFE\u0301": LINUX,
        "dog": "dog",
    }


@pytest.mark.parametrize(("train", "rest"), [(LINUX, MACOS), (MACOS, LINUX)])
def test_folders_of_parts_are_matched_and_told(tmp_path, train, rest):
    layout = f"train/{train}:10 train/dog:10 val/{rest}:3 val/dog:4 test/{rest}:2 test/dog:1"
    info = inspect(folder_of(tmp_path / "data", layout))
    assert info.classes == (train, "dog")
    counts = {part.part: part.class_counts for part in info.ledger.parts}
    assert counts == {"train": (10, 10), "validation": (3, 4), "test": (2, 1)}
    told = [note for note in info.ledger.notes if "other characters" in note]
    assert len(told) == 2 and all(spelled(rest) in note for note in told)


def test_the_same_names_everywhere_change_nothing(tmp_path):
    for number, name in enumerate((LINUX, MACOS)):
        layout = f"train/{name}:10 train/dog:10 val/{name}:3 val/dog:3"
        info = summarise(folder_of(tmp_path / str(number), layout))
        assert info.classes == (name, "dog")
        assert not any("characters" in note for note in info.ledger.notes)


@pytest.mark.parametrize("part", ["train", "val", "test"])
def test_two_folders_of_one_name_in_a_part_are_refused_with_both_names(tmp_path, part):
    layout = "train/caf\u00e9:10 train/dog:10 val/dog:3 test/dog:3"
    both = f"{part}/caf\u00e9:3 {part}/cafe\u0301:3"
    with pytest.raises(DataError) as caught:
        summarise(folder_of(tmp_path / "data", f"{layout} {both}"))
    assert "`cafe\\u0301` and `caf\\xe9`" in str(caught.value)
    assert f"/data/{part}" in str(caught.value)


def test_an_empty_folder_of_the_same_name_is_in_nobodys_way(tmp_path):
    layout = f"train/{LINUX}:10 train/{MACOS}/ train/dog:10 val/{LINUX}/ val/{MACOS}:3 val/dog:3"
    info = summarise(folder_of(tmp_path / "data", layout))
    assert info.classes == (LINUX, "dog") and info.ledger.parts[1].class_counts == (3, 3)


def test_files_of_parquet_are_matched_by_text_and_by_listed_names(tmp_path):
    for number, (first, second) in enumerate(((LINUX, MACOS), (MACOS, LINUX))):
        root = tmp_path / str(number)
        layout = f"a.parquet:20@{first},dog b.parquet:4@dog,{second} | a.parquet b.parquet"
        info = inspect(files_of(root / "texts", layout))
        assert info.classes == (first, "dog") and info.ledger.parts[1].class_counts == (2, 2)
        listed = f"a.parquet:20@{{{first},dog}} b.parquet:4@{{dog,{second}}} | a.parquet b.parquet"
        info = inspect(files_of(root / "lists", listed))
        assert info.classes == (first, "dog") and info.ledger.parts[1].class_counts == (2, 2)
        assert any("another order" in note for note in info.ledger.notes)
        assert any("other characters" in note for note in info.ledger.notes)


def test_training_files_in_two_spellings_are_one_class_and_another_identity():
    ids = np.array([0, 1])
    names = {"a": (LINUX, "dog"), "b": (MACOS, "dog")}
    files = [FileLabels(where, ids, spelling) for where, spelling in names.items()]
    assert not any(match([file]).mapped for file in files)
    matched = match(files)
    assert matched.classes == (LINUX, "dog") and matched.mapped
    assert [labels.tolist() for labels in matched.labels] == [[0, 1], [0, 1]]
    assert len(matched.notes) == 1


def test_listed_names_that_are_one_name_are_refused(tmp_path):
    with pytest.raises(DataError, match="two classes have one name"):
        summarise(files_of(tmp_path, f"a.parquet:20@{{{LINUX},{MACOS}}} | a.parquet"))


def test_another_case_is_refused_with_the_rename(tmp_path):
    layout = "train/cat:10 train/dog:10 val/Cat:3 val/dog:3"
    with pytest.raises(DataError) as caught:
        summarise(folder_of(tmp_path / "my data", layout))
    assert f"mv -T '{tmp_path}/my data/val/Cat' '{tmp_path}/my data/val/cat'" in str(caught.value)
    assert unicodedata.is_normalized("NFC", str(caught.value))
