"""Small files that unpack to gigabytes are refused before that, in a bounded amount of memory."""

import gzip
import struct
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from compound.jobs.data.listing.file_location import LocalFolder
from compound.jobs.data.source import summarise
from compound.jobs.data.sources.parquet_file import UNPACKED_BYTES, check_claims, opened_parquet
from compound.jobs.data.stream.encoded_source import read_group
from compound.schemas.errors import DataError
from tests.support.idx_files import idx_of
from tests.support.image_files import encoded, folder, parquet, write_folder
from tests.support.strange_files import STRANGE, TERABYTE, put

IMAGES = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
MIB = 2**20
FEW = [encoded(number) for number in range(20)]


def table(cells: list[bytes], labels: list[object] | None = None) -> pa.Table:
    rows = [{"bytes": cell, "path": None} for cell in cells]
    return pa.table(
        {"image": pa.array(rows, IMAGES), "label": labels or [n % 2 for n in range(len(cells))]}
    )


def write(path: Path, data: pa.Table, **options: object) -> str:
    pq.write_table(data, path, **{"compression": "zstd", **options})
    assert path.stat().st_size < 10 * MIB
    return str(path)


@pytest.mark.parametrize("compression", ["snappy", "zstd", "gzip", "brotli", "lz4", "none"])
@pytest.mark.parametrize("dictionary", [True, False])
@pytest.mark.parametrize("version", ["1.0", "2.0"])
def test_what_is_in_order_is_read_as_pyarrow_reads_it(
    tmp_path: Path, compression: str, dictionary: bool, version: str
) -> None:
    data = table([encoded(number) for number in range(30)], [f"class {n % 3}" for n in range(30)])
    options = {"use_dictionary": dictionary, "data_page_version": version, "row_group_size": 10}
    write(tmp_path / "a", data, compression=compression, write_page_checksum=True, **options)
    with opened_parquet(LocalFolder(tmp_path), "a") as file:
        check_claims(file)
        batches = [batch for group in range(3) for batch in file.batches(group, "image")]
        assert pa.Table.from_batches(batches)["image"].equals(data["image"])
        assert file.column("label").to_pylist() == data["label"].to_pylist()
        assert file.group(1, "image").to_pylist() == data["image"].to_pylist()[10:20]


def test_a_cell_of_a_few_kilobytes_is_not_unpacked_to_hundreds_of_megabytes(tmp_path: Path) -> None:
    path = write(tmp_path / "a.parquet", table([bytes(2 * UNPACKED_BYTES), *FEW]))
    with pytest.raises(DataError, match="column 'image' unpacks to 268,435") as caught:
        summarise(parquet(path))
    assert caught.value.where == path and "134,217,728 bytes" in caught.value.allowed


def lying(path: Path) -> Path:
    """Make a footer say less than its pages do: both sizes of a column are its packed one."""
    data = bytearray(path.read_bytes())
    chunk = pq.read_metadata(path).row_group(0).column(0)
    said, less = (_varint(2 * size) for size in (chunk.total_uncompressed_size, 1000))
    at = data.rindex(said)
    padded = less[:-1] + bytes((less[-1] | 128,)) + b"\x80" * (len(said) - len(less) - 1) + b"\0"
    data[at : at + len(said)] = padded
    path.write_bytes(data)
    assert pq.read_metadata(path).row_group(0).column(0).total_uncompressed_size == 1000
    return path


def _varint(number: int) -> bytes:
    coded = b""
    while number > 127:
        coded += bytes((number & 127 | 128,))
        number >>= 7
    return coded + bytes((number,))


def test_a_footer_that_says_less_than_its_pages_is_not_believed(tmp_path: Path) -> None:
    write(tmp_path / "a.parquet", table([bytes(2 * UNPACKED_BYTES), *FEW]), use_dictionary=False)
    path = lying(tmp_path / "a.parquet")
    with pytest.raises(DataError, match="column 'image' unpacks to 268,435"):
        summarise(parquet(str(path)))


def test_a_value_that_a_dictionary_repeats_is_decoded_in_small_batches(tmp_path: Path) -> None:
    """4 MiB, 100 times: pyarrow would make 400 MiB of it at once."""
    write(tmp_path / "a", table([bytes(4 * MIB)] * 100))
    location = LocalFolder(tmp_path)
    with opened_parquet(location, "a") as file:
        sizes = [batch.nbytes for batch in file.batches(0, "image")]
    assert sum(sizes) > 400 * MIB and max(sizes) <= UNPACKED_BYTES + MIB
    with pytest.raises(DataError, match="unpacks to"):
        read_group(location, "a", 0, "image")


def test_labels_that_repeat_a_long_text_are_refused(tmp_path: Path) -> None:
    labels: list[object] = ["x" * MIB] * 400
    path = write(tmp_path / "a.parquet", table([encoded(1)] * 400, labels))
    with pytest.raises(DataError, match="column 'label' unpacks to"):
        summarise(parquet(path))


def test_a_file_of_a_terabyte_around_a_few_rows_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    write(path, table([encoded(1), encoded(2)]))
    data = path.read_bytes()
    with path.open("r+b") as file:
        file.truncate(TERABYTE)
        length = int.from_bytes(data[-8:-4], "little") + 8
        file.seek(TERABYTE)
        file.write(data[-length:])
    with pytest.raises(DataError, match=r"of which its footer names \d+"):
        summarise(parquet(str(path)))


@pytest.mark.parametrize("kind", STRANGE)
def test_a_strange_thing_in_place_of_data_is_refused(tmp_path: Path, kind: str) -> None:
    spec = idx_of(tmp_path / "idx", "train:40")
    put(kind, tmp_path / "idx" / "train-images-idx3-ubyte")
    put(kind, tmp_path / "a.parquet")
    for refused in (spec, parquet(str(tmp_path / "a.parquet"))):
        with pytest.raises(DataError) as caught:
            summarise(refused)
        assert str(tmp_path) in caught.value.where


def test_strange_things_among_images_are_counted_and_the_rest_is_read(tmp_path: Path) -> None:
    write_folder(tmp_path, 20)
    for number, kind in enumerate(STRANGE):
        put(kind, tmp_path / "train" / "ant" / f"{kind.replace(' ', '-')}-{number}.png")
    info = summarise(folder(str(tmp_path), max_bad=0.2))
    assert info.train + info.validation == 40
    left_out = {entry.reason: entry.count for entry in info.ledger.parts[0].left_out}
    assert left_out["larger than 512 MiB"] == 1 and left_out["a broken link"] == 1
    assert left_out["neither file nor folder"] == 4
    with pytest.raises(DataError, match="larger than 512 MiB"):
        summarise(folder(str(tmp_path), max_bad=0))


def test_a_packed_idx_file_is_not_unpacked_without_end(tmp_path: Path) -> None:
    spec = idx_of(tmp_path, "train:40")
    bomb = struct.pack(">4B3I", 0, 0, 8, 3, 2**16, 2**6, 2**6) + bytes(2**28)
    (tmp_path / "train-images-idx3-ubyte").write_bytes(gzip.compress(bomb, 1))
    with pytest.raises(DataError, match="unpack to more than 134,217,728"):
        summarise(spec)


def test_the_memory_that_it_takes_is_bounded(tmp_path: Path) -> None:
    """One cell that is as large as is allowed, and one of a gigabyte: less than 1 GB in all."""
    paths = [
        write(tmp_path / "a.parquet", table([bytes(UNPACKED_BYTES - MIB), *FEW])),
        write(tmp_path / "b.parquet", table([bytes(2**30 - 1), *FEW])),
    ]
    code = """
import resource, sys
from compound.jobs.data.source import summarise
from compound.schemas.data import ParquetData
from compound.schemas.errors import DataError
for path in sys.argv[1:]:
    try:
        summarise(ParquetData(source="parquet", path=path, max_bad=1))
    except DataError as error:
        print(error, file=sys.stderr)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""
    done = subprocess.run(
        [sys.executable, "-c", code, *paths], capture_output=True, text=True, check=True
    )
    assert "unpacks to" in done.stderr
    assert int(done.stdout) * 1024 < 10**9
