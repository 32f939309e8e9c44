"""Links that lead in a circle are left out and counted, wherever they lie; the rest is read."""

import os
from pathlib import Path

import pytest

from compound.jobs.data.listing.file_location import LocalFolder
from compound.jobs.data.source import summarise
from compound.schemas.data_ledger import DataLedger
from tests.support.image_files import encoded, folder, parquet, write_folder, write_parquet

ABOVE, ITSELF = "a link to a folder above it", "a link that leads to itself"


def left_out(ledger: DataLedger) -> dict[str, int]:
    entries = [*ledger.parts[0].left_out, *ledger.unused]
    return {entry.reason: entry.count for entry in entries}


@pytest.mark.parametrize(
    ("link", "target", "reason"),
    [
        ("train/ant/loop", "loop", ITSELF),
        ("train/loop", "loop", ITSELF),
        ("loop", "loop", ITSELF),
        ("train/ant/again", ".", ABOVE),
        ("train/ant/up", "..", ABOVE),
        ("train/ant/top", "../..", ABOVE),
        ("train/ant/out", "../../..", ABOVE),
        ("train/all", ".", ABOVE),
        ("train/all", "..", ABOVE),
        ("again", ".", ABOVE),
        ("test", ".", ABOVE),
        (".hidden", "..", ABOVE),
    ],
)
def test_a_circle_is_left_out_and_the_rest_is_read(tmp_path, link, target, reason):
    write_folder(tmp_path / "data", 5)
    (tmp_path / "data" / link).symlink_to(target)
    info = summarise(folder(str(tmp_path / "data")))
    assert (info.classes, info.train + info.validation, info.test) == (("ant", "bee"), 10, 0)
    assert left_out(info.ledger)[reason] == 1


def test_a_circle_beside_classes_without_parts_is_left_out(tmp_path):
    write_folder(tmp_path, 5)
    os.symlink("..", tmp_path / "train" / "again")
    info = summarise(folder(str(tmp_path / "train")))
    assert info.classes == ("ant", "bee") and left_out(info.ledger)[ABOVE] == 1


def test_two_folders_that_link_to_each_other_are_each_read_once(tmp_path):
    write_folder(tmp_path, 5)
    os.symlink("../bee", tmp_path / "train/ant/to")
    os.symlink("../ant", tmp_path / "train/bee/to")
    info = summarise(folder(str(tmp_path)))
    assert info.train + info.validation == 20
    assert left_out(info.ledger)[ABOVE] == 2


def test_a_linked_folder_with_a_link_to_the_data_is_a_circle(tmp_path):
    write_folder(tmp_path / "data", 5)
    (tmp_path / "store").mkdir()
    (tmp_path / "store/x.png").write_bytes(encoded(9))
    os.symlink(tmp_path / "data/train", tmp_path / "store/back")
    os.symlink(tmp_path / "store", tmp_path / "data/train/ant/more")
    info = summarise(folder(str(tmp_path / "data")))
    assert info.train + info.validation == 11 and left_out(info.ledger)[ABOVE] == 1


@pytest.mark.parametrize(("target", "reason"), [("..", ABOVE), ("loop", ITSELF)])
def test_a_circle_beside_parquet_is_left_out(tmp_path: Path, target, reason):
    for name, first in (("a", 0), ("b", 10)):
        images = [encoded(first + number) for number in range(10)]
        write_parquet(tmp_path / f"{name}.parquet", images, [0, 1] * 5)
    os.symlink(target, tmp_path / "loop")
    info = summarise(parquet(str(tmp_path)))
    assert info.train + info.validation == 20 and left_out(info.ledger)[reason] == 1
    assert summarise(parquet(f"{tmp_path}/**/*.parquet")).train == info.train


def test_a_circle_is_neither_file_nor_folder(tmp_path):
    os.symlink("..", tmp_path / "up")
    os.symlink("self", tmp_path / "self")
    location = LocalFolder(tmp_path)
    assert (location.folders("", hidden=True), location.files("", hidden=True)) == ([], [])
    assert location.circles("") == [("self", ITSELF), ("up", ABOVE)]
    assert sorted(location.walk("")) == location.circles("")
