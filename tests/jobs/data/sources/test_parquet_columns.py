"""Columns that cannot be read are named, and a file without rows may have columns of any type."""

import decimal

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from compound.jobs.data.source import inspect, summarise
from compound.schemas.errors import DataError
from tests.support.image_files import encoded, parquet

IMAGES = pa.array(
    [{"bytes": encoded(number), "path": "x"} for number in range(20)],
    pa.struct([("bytes", pa.binary()), ("path", pa.string())]),
)
TEXTS, NUMBERS = pa.array(["cat", "dog"] * 10), pa.array([0, 1] * 10)
PATHS = pa.array([f"{number}.png" for number in range(20)])
EMPTY = [pa.string(), pa.int64(), pa.null(), pa.float64(), pa.binary(), pa.list_(pa.int64())]


def write(file, images: pa.Array, labels: pa.Array) -> None:
    pq.write_table(pa.table({"image": images, "label": labels}), file)


@pytest.mark.parametrize("kind", EMPTY, ids=str)
@pytest.mark.parametrize(("labels", "classes"), [(TEXTS, ("cat", "dog")), (NUMBERS, ("0", "1"))])
@pytest.mark.parametrize("place", [0, 2])
def test_a_file_without_rows_says_nothing_of_classes(tmp_path, kind, labels, classes, place):
    write(tmp_path / "train-1.parquet", IMAGES, labels)
    write(tmp_path / f"train-{place}.parquet", pa.array([], pa.null()), pa.array([], kind))
    info = inspect(parquet(str(tmp_path)))
    assert (info.classes, info.train + info.validation) == (classes, 20)
    assert any(f"no rows: train-{place}.parquet" in note for note in info.ledger.notes)


def test_a_file_without_rows_beside_one_of_paths(tmp_path):
    for number in range(20):
        (tmp_path / f"{number}.png").write_bytes(encoded(number))
    write(tmp_path / "train-0.parquet", pa.array([], pa.null()), pa.array([], pa.null()))
    write(tmp_path / "train-1.parquet", PATHS, TEXTS)
    assert inspect(parquet(str(tmp_path))).train == 18


def test_a_test_part_without_rows_is_refused(tmp_path):
    write(tmp_path / "train-0.parquet", IMAGES, TEXTS)
    write(tmp_path / "test-0.parquet", IMAGES[:0], TEXTS[:0])
    with pytest.raises(DataError, match="the test part is empty"):
        summarise(parquet(str(tmp_path)))


@pytest.mark.parametrize("column", ["image", "label"])
def test_two_columns_of_one_name_are_refused_where_they_are_read(tmp_path, column):
    table = pa.table({"image": IMAGES, "label": TEXTS})
    for names in (("x", "x"), (column, "x"), (column, column)):
        more = pa.table([*table.columns, PATHS, PATHS], names=["image", "label", *names])
        pq.write_table(more, tmp_path / "a.parquet")
        if column not in names:
            assert summarise(parquet(str(tmp_path))).train == 18
            continue
        with pytest.raises(DataError, match=f"{1 + names.count(column)} columns are called"):
            summarise(parquet(str(tmp_path)))


LARGE = [
    pa.array([0, 2**63 + 1] * 10, pa.uint64()),
    pa.array([0, 2**63 + 1] * 10, pa.uint64()).dictionary_encode(),
    pa.array([0, 1e30] * 10),
    pa.array([decimal.Decimal(0), decimal.Decimal(10**25)] * 10),
]


@pytest.mark.parametrize("labels", LARGE, ids=lambda labels: str(labels.type))
def test_numbers_that_no_class_can_have_are_blamed_on_the_column(tmp_path, labels):
    write(tmp_path / "a.parquet", IMAGES, labels)
    with pytest.raises(DataError, match=r"column 'label' has numbers that are .*too large"):
        summarise(parquet(str(tmp_path)))
