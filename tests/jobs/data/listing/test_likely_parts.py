"""Folders and files that are called like parts are refused or told, and the next step works."""

import re
import subprocess
from pathlib import Path

import pytest

from compound.jobs.data.listing.parquet_names import missing_files
from compound.jobs.data.listing.split_names import like_parts
from compound.jobs.data.source import inspect, summarise
from compound.schemas.errors import DataError
from tests.support.data_inputs import files_of, folder_of
from tests.support.image_files import folder

PARTS = [
    ("training_set", "test_set"),
    ("TrainData", "TestData"),
    ("traindata", "testdata"),
    ("trainset", "testset"),
    ("trainImages", "valImages"),
    ("MyTrain", "MyTest"),
    ("train1", "test1"),
    ("x_train", "x_test"),
    ("trn", "tst"),
    ("tr", "va"),
    ("TR", "TE"),
]
CLASSES = [
    ("trainer", "tester"),
    ("trains", "valves"),
    ("device", "testudo"),
    ("Trainspotting", "Valley"),
    ("contest", "interval"),
    ("tr", "te", "en"),
    ("strain", "latest"),
]


def path_and_command(error: DataError) -> tuple[str, str]:
    """Return the path that a next step sets, and the command that writes it."""
    match = re.fullmatch(r"set `path: (.+)`, which .+?: (.+)", error.next_step)
    assert match
    return match[1], match[2]


@pytest.mark.parametrize("names", PARTS, ids=" ".join)
def test_names_of_parts_are_recognised_and_the_next_step_renames_them(tmp_path, names):
    first, second = names
    layout = f"{first}/cat:10 {first}/dog:10 {second}/cat:3 {second}/dog:3"
    spec = folder_of(tmp_path / "my data", layout)
    with pytest.raises(DataError, match="look like parts") as caught:
        summarise(spec)
    command = caught.value.next_step.partition("if they are parts: ")[2]
    subprocess.run(command, shell=True, check=True)
    assert summarise(spec).classes == ("cat", "dog")


@pytest.mark.parametrize("names", CLASSES, ids=" ".join)
def test_names_of_classes_are_not(names):
    assert not like_parts(names)


def test_two_folders_of_one_part_are_not_renamed_into_one(tmp_path):
    spec = folder_of(tmp_path / "data", "trainset/cat:3 trainset2/cat:3 testset/cat:3")
    with pytest.raises(DataError, match="call them `train`, `val` and `test`"):
        summarise(spec)


def test_parts_within_train_are_refused(tmp_path):
    spec = folder_of(tmp_path / "data", "train/trainset/cat:3 train/testset/cat:3")
    with pytest.raises(DataError, match="the folders in it are parts again"):
        summarise(spec)


def test_parts_inside_of_classes_are_sorted_by_the_next_step(tmp_path):
    layout = "cat/train:10 cat/val:4 dog/train:10 dog/val:4 dog/test:2"
    spec = folder_of(tmp_path / "my data", layout)
    with pytest.raises(DataError, match="the folder lies inside a class") as caught:
        summarise(spec)
    path, command = re.fullmatch(
        r"set `path: (.+)`, which .+?: (.+)", caught.value.next_step
    ).groups()
    subprocess.run(command, shell=True, check=True)
    info = inspect(folder(path))
    assert (info.classes, info.train, info.validation, info.test) == (("cat", "dog"), 20, 8, 2)


def test_a_data_set_inside_of_a_folder_is_named(tmp_path):
    spec = folder_of(tmp_path / "data", "a/x/train/cat:10 a/x/train/dog:10 b:4")
    with pytest.raises(DataError) as caught:
        summarise(spec)
    path = re.search(r"set `path: (.+)`: it holds", caught.value.next_step)[1]
    assert summarise(folder(path)).classes == ("cat", "dog")


def test_a_part_within_a_class_of_train_is_renamed_by_the_next_step(tmp_path):
    spec = folder_of(tmp_path / "data", "train/cat/val:10 train/dog:10")
    with pytest.raises(DataError) as caught:
        summarise(spec)
    subprocess.run(caught.value.next_step.partition(": ")[2], shell=True, check=True)
    assert summarise(spec).train == 18


@pytest.mark.parametrize("path", [".", "label=cat", "**/*.parquet"])
def test_labels_in_the_names_of_folders_are_written_by_the_next_step(tmp_path, path):
    layout = f"label=cat/a.parquet:10@none label=dog/a.parquet:10@none | {path}"
    spec = files_of(tmp_path / "my data", layout)
    with pytest.raises(DataError, match="the labels are in the names of the folders") as caught:
        summarise(spec)
    copy, command = re.fullmatch(
        r"set `path: (.+)`, which .+?: (.+)", caught.value.next_step
    ).groups()
    subprocess.run(command, shell=True, check=True)
    info = inspect(spec.model_copy(update={"path": copy}))
    assert (info.classes, info.train + info.validation) == (("cat", "dog"), 20)


def test_a_column_of_labels_in_a_folder_of_this_form_is_read(tmp_path):
    for path in (".", "label=x"):
        layout = f"label=x/a.parquet:20@0,1 | {path}"
        assert summarise(files_of(tmp_path / path, layout)).classes == ("0", "1")


@pytest.mark.parametrize("names", [("en", "fr"), ("date=1", "date=2")], ids=str)
def test_the_next_step_for_several_folders_reads_one_or_all(tmp_path, names):
    layout = " ".join(f"{name}/a.parquet:20@0,1" for name in names)
    spec = files_of(tmp_path, f"{layout} | .")
    with pytest.raises(DataError, match="several folders") as caught:
        summarise(spec)
    paths = re.findall(r"`path: (.+?)`", caught.value.next_step)
    read = [summarise(spec.model_copy(update={"path": path})).train for path in paths]
    assert read == [18, 36]


def test_the_next_step_for_folders_of_parts_reads_them(tmp_path):
    layout = "split=train/a.parquet:20@0,1 split=test/a.parquet:6@0,1 | ."
    spec = files_of(tmp_path, layout)
    with pytest.raises(DataError, match="several folders") as caught:
        summarise(spec)
    paths = dict(re.findall(r"`(\w*path): (.+?)`", caught.value.next_step))
    info = summarise(spec.model_copy(update=paths))
    assert (info.train, info.validation, info.test) == (18, 2, 6)


SHARDS = {
    "train-00000-of-00002.parquet": "1 of 2 train shards are here, without train-00001-of-00002",
    "x-1-of-3-ab.parquet x-3-of-3-cd.parquet": "2 of 3 train shards are here, without x-2-of-3",
    "a/0-of-9999999999999.parquet": "and more",
    "train-00000-of-00001.parquet b.parquet": "",
    "train-00000-of-00002.parquet train-00001-of-00002.parquet": "",
}


@pytest.mark.parametrize("names", SHARDS)
def test_missing_files_are_told(names):
    notes = list(missing_files("train", names.split()))
    assert [SHARDS[names] in note for note in notes] == [True] * bool(SHARDS[names])


def test_paths_in_next_steps_are_those_of_the_data(tmp_path):
    spec = folder_of(tmp_path / "data", "trainset/cat:3 testset/cat:3")
    with pytest.raises(DataError) as caught:
        summarise(spec)
    assert str(Path(spec.path) / "trainset") in caught.value.next_step
