"""Data in a bucket gives the batches of the same files on disk, or says what is wrong with it."""

import logging
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from compound.jobs.data.batches import Share
from compound.jobs.data.listing.file_location import location_of, split_address
from compound.jobs.data.listing.read_ahead import Prefetcher, read_ahead
from compound.jobs.data.source import inspect, load, summarise
from compound.jobs.data.stream import remote_decoding
from compound.schemas.data import ImageFolderData, ParquetData
from compound.schemas.errors import DataError, StoreError
from tests.support.back_ends import S3_SERVERS
from tests.support.fault_proxy import Proxy, proxy_of
from tests.support.images_on_disk import folder_of, parquet_of
from tests.support.servers import BUCKET, Servers
from tests.support.streamed_sources import InProcessDecoder, same, source_of

pytestmark = pytest.mark.s3

SHARE = Share.of(8, 4, 0, 1)

Put = Callable[[str, Path], str]


@pytest.fixture(autouse=True)
def forgotten_endpoints() -> None:
    """Forget the endpoints of other tests: a process of a user has one."""
    remote_decoding._location.cache_clear()


@pytest.fixture
def put(reach: Callable[[str], str], servers: Servers) -> Put:
    """Copy a folder into an endpoint's bucket, and return where it lies there."""

    def copy(name: str, folder: Path) -> str:
        uri = reach(name)
        prefix = uri.removeprefix(f"s3://{BUCKET}/")
        client = servers.get(name).client()
        for file in sorted(folder.rglob("*")):
            if file.is_file():
                key = f"{prefix}/{file.relative_to(folder).as_posix()}"
                client.put_object(Bucket=BUCKET, Key=key, Body=file.read_bytes())
        return uri

    return copy


def moved(spec, path: str):
    return spec.model_copy(update={"path": path})


def agree(local, remote) -> None:
    for epoch, step in ((1, 0), (2, 3)):
        assert same(local.training(7, epoch, SHARE, step), remote.training(7, epoch, SHARE, step))
        assert same(local.validation(0, 1, 5), remote.validation(0, 1, 5))


@pytest.mark.parametrize("server", S3_SERVERS)
def test_a_folder_is_streamed_as_from_disk(put: Put, tmp_path: Path, server: str) -> None:
    local = folder_of(tmp_path)
    far = moved(local, put(server, tmp_path))
    agree(source_of(local), source_of(far))
    agree(source_of(local), source_of(far, decoder=InProcessDecoder()))
    assert np.array_equal(load(far).train_images, load(local).train_images)


@pytest.mark.parametrize("server", S3_SERVERS)
def test_parquet_is_streamed_as_from_disk(put: Put, tmp_path: Path, server: str) -> None:
    local = parquet_of(tmp_path).model_copy(update={"buffer": 32})
    far = moved(local, put(server, tmp_path))
    agree(source_of(local), source_of(far))
    agree(source_of(local), source_of(far, decoder=InProcessDecoder()))
    assert np.array_equal(load(far).train_images, load(local).train_images)


def test_one_file_of_parquet_is_named_alone(put: Put, tmp_path: Path) -> None:
    local = parquet_of(tmp_path)
    uri = put("moto", tmp_path)
    spec = moved(local, f"{uri}/part-1.parquet")
    split = spec.model_copy(update={"validation_path": f"{uri}/part-0.parquet"})
    assert (inspect(spec).train, inspect(spec).validation) == (90, 10)
    assert (inspect(split).train, inspect(split).validation) == (100, 100)


def test_one_changed_object_changes_the_identity(
    put: Put, servers: Servers, tmp_path: Path
) -> None:
    local = folder_of(tmp_path)
    far = moved(local, put("moto", tmp_path))
    before = summarise(far).fingerprint
    assert summarise(far).fingerprint == before
    key = f"{far.path.removeprefix(f's3://{BUCKET}/')}/train/ant/000000.jpg"
    body = (tmp_path / "train/bee/000001.jpg").read_bytes()
    servers.get("moto").client().put_object(Bucket=BUCKET, Key=key, Body=body)
    assert summarise(far).fingerprint != before


@pytest.mark.parametrize("server", S3_SERVERS)
def test_names_of_others_are_read_as_they_are(put: Put, tmp_path: Path, server: str) -> None:
    folder_of(tmp_path / "photos of ants, 50 % ümlaut=1")
    spec = ImageFolderData(
        source="image_folder", path=f"{put(server, tmp_path)}/photos of ants, 50 % ümlaut=1/"
    )
    assert inspect(spec).train == 40


def test_a_vanished_object_is_left_out_like_a_broken_file(
    put: Put, servers: Servers, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    local = folder_of(tmp_path).model_copy(update={"max_bad": 0.1})
    far = moved(local, put("moto", tmp_path))
    source = source_of(far)
    key = f"{far.path.removeprefix(f's3://{BUCKET}/')}/train/ant/000004.jpg"
    servers.get("moto").client().delete_object(Bucket=BUCKET, Key=key)
    with caplog.at_level(logging.WARNING):
        assert sum(len(images) for images, *_ in source.training(1, 1, SHARE)) == 40
    assert "train/ant/000004.jpg: No such file or directory" in caplog.text


@pytest.fixture
def proxy(
    put: Put, servers: Servers, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Iterator[tuple[Proxy, ImageFolderData]]:
    """A folder in a bucket behind a proxy that fails on demand."""
    local = folder_of(tmp_path)
    far = moved(local, put("moto", tmp_path))
    with proxy_of(servers.get("moto").endpoint) as faulty:
        monkeypatch.setenv("AWS_ENDPOINT_URL", faulty.endpoint)
        yield faulty, far


def test_an_outage_of_seconds_is_waited_for(proxy, tmp_path: Path) -> None:
    faulty, far = proxy
    source = source_of(far)
    batches = source.training(7, 1, SHARE)
    first = next(batches)[0].clone()
    faulty.down_until = time.monotonic() + 3
    rest = [images.clone() for images, *_ in batches]
    local = source_of(folder_of(tmp_path)).training(7, 1, SHARE)
    whole = [images.clone() for images, *_ in local]
    assert all(map(torch.equal, [first, *rest], whole)) and len(whole) == 1 + len(rest)


def test_a_dead_endpoint_is_told_within_seconds(proxy) -> None:
    faulty, far = proxy
    over = faulty.down_until = time.monotonic() + 60
    with pytest.raises(StoreError, match=f"bucket '{BUCKET}'"):
        summarise(far)
    assert time.monotonic() < over


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("s3://no-such-bucket/data", "no such bucket"),
        (f"s3://{BUCKET}/nothing/here", "no such f"),
    ],
)
@pytest.mark.parametrize("kind", [ImageFolderData, ParquetData])
def test_what_is_not_there_is_named(reach: Callable[[str], str], kind, path, text) -> None:
    reach("moto")
    source = "parquet" if kind is ParquetData else "image_folder"
    with pytest.raises((DataError, StoreError)) as caught:
        summarise(kind(source=source, path=path))
    assert text in str(caught.value) and "`path`" in str(caught.value)


def test_a_folder_without_train_or_classes(put: Put, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    (tmp_path / "other/x.jpg").write_bytes(b"x")
    with pytest.raises(DataError, match="there is no folder `train`"):
        summarise(ImageFolderData(source="image_folder", path=put("moto", tmp_path)))


@pytest.mark.parametrize("path", ["gs://bucket/data", "s3://user:canary@host/x", "http://x/y"])
def test_other_addresses_are_refused_without_repeating_them(path: str) -> None:
    with pytest.raises(ValueError, match="allowed: a path, or s3://bucket/prefix") as caught:
        ImageFolderData(source="image_folder", path=path)
    assert "canary" not in str(caught.value.args)
    with pytest.raises(DataError):
        location_of(path)


@pytest.mark.parametrize(
    ("address", "parts"),
    [
        ("s3://bucket/a/b.png", ("s3://bucket", "a/b.png")),
        ("/a/b.png", ("/a", "b.png")),
        ("/b.png", ("/", "b.png")),
        ("b.png", (".", "b.png")),
    ],
)
def test_an_address_parts_into_root_and_name(address: str, parts: tuple[str, str]) -> None:
    assert split_address(address) == parts


@pytest.mark.parametrize("at_once", [1, 4])
def test_reading_ahead_keeps_the_order_and_ends_when_closed(at_once: int) -> None:
    begun: list[int] = []
    assert list(read_ahead(lambda key: key * key, range(50), at_once)) == [n * n for n in range(50)]
    few = read_ahead(lambda key: begun.append(key) or key, range(1000), at_once)
    assert next(few) == 0
    few.close()
    assert len(begun) <= 3 * at_once


def test_what_is_expected_is_read_once_and_errors_come_when_it_is_taken() -> None:
    read: list[int] = []

    def fails_at_three(key: int) -> int:
        read.append(key)
        if key == 3:
            raise FileNotFoundError(key)
        return -key

    expected = Prefetcher(fails_at_three, 2)
    expected.prefetch([1, 2, 3])
    expected.prefetch([2])
    assert (expected.take(2), expected.take(1), expected.take(9)) == (-2, -1, -9)
    with pytest.raises(FileNotFoundError):
        expected.take(3)
    assert sorted(read) == [1, 2, 3, 9]
