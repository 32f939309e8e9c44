"""Patterns and folders of Parquet in a bucket give the parts of the same files on disk."""

from collections.abc import Callable
from pathlib import Path

import pytest

from compound.jobs.data.listing.parquet_files import files_of
from compound.jobs.data.source import inspect, summarise
from compound.schemas.data_ledger import PartName
from compound.schemas.errors import DataError
from tests.support.back_ends import S3_SERVERS
from tests.support.image_files import encoded, parquet, write_parquet
from tests.support.servers import BUCKET, Servers

pytestmark = pytest.mark.s3

FILES = {
    "data/train-00000-of-00002.parquet": 10,
    "data/train-00001-of-00002.parquet": 10,
    "data/validation-00000-of-00001.parquet": 4,
    "data/test-00000-of-00001.parquet": 6,
    "README.md": 0,
    "other/en/train-0.parquet": 8,
    "other/part[1].parquet": 8,
}
"""Rows by name: a data set as Hugging Face writes it, and files beside it."""
PATTERNS: dict[str, dict[PartName, int]] = {
    "data/train-*.parquet": {"train": 20},
    "data/train-0000?-of-*.parquet": {"train": 20},
    "data/train-00000*": {"train": 10},
    "data/train-0000[01]-of-00002.parquet": {"train": 20},
    "data/*.parquet": {"train": 20, "validation": 4, "test": 6},
    "d*/*.parquet": {"train": 20, "validation": 4, "test": 6},
    "data": {"train": 20, "validation": 4, "test": 6},
    "data/": {"train": 20, "validation": 4, "test": 6},
    "": {"train": 20, "validation": 4, "test": 6},
    "data/**": {"train": 20, "validation": 4, "test": 6},
    "**/train-*.parquet": {"train": 28},
    "*/en/*": {"train": 8},
    "other/part[1].parquet": {"train": 8},
}


@pytest.fixture(scope="module")
def disk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the files."""
    root, first = tmp_path_factory.mktemp("parquet"), 0
    for name, rows in FILES.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        images = [encoded(first + row) for row in range(rows)]
        write_parquet(root / name, images, [0, 1] * (rows // 2))
        first += rows
    return root


@pytest.fixture
def address(reach: Callable[[str], str], servers: Servers, disk: Path) -> Callable[[str], str]:
    """Copy the files into a server's bucket, and return where they lie there."""

    def copy(name: str) -> str:
        uri, client = reach(name), servers.get(name).client()
        for file in FILES:
            key = f"{uri.removeprefix(f's3://{BUCKET}/')}/{file}"
            client.put_object(Bucket=BUCKET, Key=key, Body=(disk / file).read_bytes())
        return uri

    return copy


def names_by_part(path: str) -> dict[PartName, tuple[str, ...]]:
    parts = files_of(path, "train", patient=False).parts
    return {
        part: tuple(name.split("/")[-1] for name in files.names) for part, files in parts.items()
    }


@pytest.mark.parametrize("server", S3_SERVERS)
def test_every_path_names_the_files_that_it_names_on_disk(address, disk, server):
    uri = address(server)
    for path, parts in PATTERNS.items():
        far, near = (names_by_part(f"{root}/{path}") for root in (uri, disk))
        assert far == near and set(far) == set(parts), path


def test_the_rows_of_every_part_are_read(address, disk):
    uri = address("moto")
    for path in ("data/train-*.parquet", "d*/*.parquet"):
        far = inspect(parquet(f"{uri}/{path}"))
        near = inspect(parquet(f"{disk}/{path}"))
        counts = {part.part: part.taken for part in far.ledger.parts}
        if "validation" not in PATTERNS[path]:
            counts["train"] += counts.pop("validation")
        assert counts == PATTERNS[path], path
        assert [(p.found, p.taken, p.class_counts) for p in far.ledger.parts] == [
            (p.found, p.taken, p.class_counts) for p in near.ledger.parts
        ]


def test_each_part_may_have_a_pattern_of_its_own(address):
    uri = address("moto")
    spec = parquet(
        f"{uri}/data/train-*.parquet",
        validation_path=f"{uri}/data/validation-*.parquet",
        test_path=f"{uri}/data/test-*.parquet",
    )
    info = inspect(spec)
    assert (info.train, info.validation, info.test) == (20, 4, 6)
    assert not info.ledger.duplicates and info.ledger.compared == 30


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("data/dev-*.parquet", "no file matches this pattern"),
        ("nowhere/*.parquet", "no file matches this pattern"),
        ("*.parquet", "no file matches this pattern"),
        ("data/test-*.parquet,", "no file matches this pattern"),
    ],
)
def test_a_pattern_that_matches_nothing_is_named(address, path, text):
    uri = address("moto")
    with pytest.raises(DataError, match=text) as caught:
        summarise(parquet(f"{uri}/{path}"))
    assert f"{uri}/{path}" in str(caught.value) and "`path`" in str(caught.value)


def test_a_bucket_cannot_be_a_pattern(address):
    address("moto")
    with pytest.raises(ValueError, match="s3://bucket/prefix"):
        parquet("s3://*/data/train-*.parquet")
