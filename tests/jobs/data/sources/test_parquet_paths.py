"""Images that Parquet names by their paths are those of the same files, and never others."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from compound.jobs.data.batches import Share
from compound.jobs.data.source import inspect, load, opened, summarise
from compound.jobs.data.sources.pixel_digest import pixel_digest
from compound.schemas.errors import DataError
from tests.support.image_files import encoded, parquet, write_parquet
from tests.support.servers import BUCKET, Servers
from tests.support.streamed_sources import same, source_of

SHARE = Share.of(8, 4, 0, 1)


def write(file: Path, paths: list[str | None], first: int = 0) -> str:
    """Write a Parquet file of paths with labels 0 and 1 in turn."""
    labels = [(first + row) % 2 for row in range(len(paths))]
    file.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table({"image": pa.array(paths, pa.string()), "label": labels}), file)
    return str(file)


def images(folder: Path, count: int, first: int = 0) -> list[Path]:
    """Write images, and return their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    files = [folder / f"{first + number}.png" for number in range(count)]
    for number, file in enumerate(files):
        file.write_bytes(encoded(first + number))
    return files


def reasons(spec) -> dict[str, int]:
    return {entry.reason: entry.count for entry in summarise(spec).ledger.parts[0].left_out}


def test_they_are_the_images_that_an_embedding_file_has(tmp_path):
    files = images(tmp_path / "img", 40)
    path = write(tmp_path / "a.parquet", [f"img/{file.name}" for file in files])
    whole = write_parquet(
        tmp_path / "b.parquet", [file.read_bytes() for file in files], [0, 1] * 20
    )
    near, far = (opened(parquet(name, memory="never")) for name in (path, whole))
    digests = [pixel_digest(c.parts.values(), c.form, c.info.classes) for c in (near, far)]
    assert digests[0] == digests[1]
    assert np.array_equal(load(parquet(path)).train_images, load(parquet(whole)).train_images)
    first, second = source_of(parquet(path, memory="never")), source_of(parquet(path))
    assert same(first.training(7, 1, SHARE), second.training(7, 1, SHARE))
    assert same(first.validation(0, 1, 5), second.validation(0, 1, 5))


def test_parts_and_duplicates_are_told_before_anything_is_decoded(tmp_path):
    for part, count, first in (("train", 20, 0), ("validation", 6, 18), ("test", 6, 40)):
        files = images(tmp_path / "img" / part, count, first)
        write(tmp_path / f"{part}-0.parquet", [f"img/{part}/{file.name}" for file in files])
    ledger = summarise(parquet(str(tmp_path))).ledger
    assert [part.taken for part in ledger.parts] == [20, 6, 6] and ledger.compared == 32
    (entry,) = ledger.duplicates
    assert (entry.parts, entry.images) == (("train", "validation"), 2)
    assert "img/validation/18.png" in entry.examples
    assert sum("read below" in note for note in ledger.notes) == 3


def test_files_that_are_missing_are_left_out_by_reason(tmp_path):
    names = [f"img/{file.name}" for file in images(tmp_path / "img", 20)]
    gone = ["img/gone.png", None, "", "img", "https://example.org/x.png", "/etc/hostname"]
    path = write(tmp_path / "a.parquet", [*names, *gone])
    spec = parquet(path, max_bad=0.3)
    info = inspect(spec)
    assert info.train + info.validation == 20 and info.ledger.parts[0].found == 26
    assert {k: v for k, v in reasons(spec).items() if "held out" not in k} == {
        "no such file": 2,
        "without a path": 2,
        "an address in place of a path": 1,
        "a path that leads out of the folder": 1,
    }
    with pytest.raises(DataError, match="6 of 26 images cannot be taken") as caught:
        summarise(parquet(path))
    assert "`image_root`" in str(caught.value) and "embed_external_files" in str(caught.value)


@pytest.mark.parametrize("start", ["..", "x/../..", "/"])
def test_no_path_leads_out_of_the_data_even_where_there_is_a_file(tmp_path, start):
    files = images(tmp_path / "secret", 10)
    start = str(tmp_path) if start == "/" else start
    names = [f"{start}/secret/{file.name}" for file in files]
    path = write(tmp_path / "data/a.parquet", names)
    for place in (path, str(tmp_path / "data"), f"{tmp_path}/data/*.parquet"):
        with pytest.raises(DataError, match="10 a path that leads out of the folder"):
            summarise(parquet(place))
    if start != str(tmp_path):
        write(tmp_path / "data/a.parquet", [f"secret/{file.name}" for file in files])
    assert summarise(parquet(path, image_root=str(tmp_path))).train == 9


def test_only_files_that_no_row_names_are_not_used(tmp_path):
    names = [f"img/{file.name}" for file in images(tmp_path / "img", 12)]
    write(tmp_path / "train-0.parquet", names[:10])
    (tmp_path / "README.md").write_text("x")
    (entry,) = summarise(parquet(str(tmp_path))).ledger.unused
    assert (entry.reason, entry.count) == ("not Parquet", 3)
    assert not set(entry.examples) & set(names[:10])
    write(tmp_path / "train-0.parquet", names)
    (tmp_path / "README.md").unlink()
    assert not summarise(parquet(str(tmp_path))).ledger.unused


def test_steps_up_within_the_data_are_followed(tmp_path):
    names = [f"../img/{file.name}" for file in images(tmp_path / "img", 10)]
    write(tmp_path / "data/train-0.parquet", names)
    assert summarise(parquet(str(tmp_path))).train == 9
    with pytest.raises(DataError, match="leads out"):
        summarise(parquet(str(tmp_path / "data")))


def test_paths_from_the_root_are_taken_within_the_data_and_within_image_root(tmp_path):
    inside = [str(file) for file in images(tmp_path / "data/img", 10)]
    path = write(tmp_path / "data/a.parquet", inside)
    assert summarise(parquet(path)).train == 9
    outside = [str(file) for file in images(tmp_path / "else", 10, 20)]
    path = write(tmp_path / "data/a.parquet", outside)
    for root in (tmp_path / "else", tmp_path, "/"):
        assert summarise(parquet(path, image_root=str(root))).train == 9


def test_the_folder_of_the_data_is_tried_where_that_of_the_file_has_no_such_file(tmp_path):
    names = [f"img/{file.name}" for file in images(tmp_path / "img", 10)]
    write(tmp_path / "data/train-0.parquet", names)
    assert summarise(parquet(str(tmp_path))).train == 9
    images(tmp_path / "data/img", 10, 50)
    for number in range(10):
        (tmp_path / f"data/img/{50 + number}.png").rename(tmp_path / f"data/img/{number}.png")
    info = summarise(parquet(str(tmp_path)))
    assert any(f"read below {tmp_path}/data" in note for note in info.ledger.notes)


def test_a_changed_image_changes_the_identity_and_where_it_lies_does_not(tmp_path):
    files = images(tmp_path / "a/img", 10)
    names = [f"img/{file.name}" for file in files]
    path = write(tmp_path / "a/a.parquet", names)
    before = summarise(parquet(path)).fingerprint
    (tmp_path / "a/img").rename(tmp_path / "img")
    assert summarise(parquet(path, image_root=str(tmp_path))).fingerprint == before
    (tmp_path / "img/3.png").write_bytes(encoded(99))
    assert summarise(parquet(path, image_root=str(tmp_path))).fingerprint != before


def test_the_same_table_beside_other_images_is_no_copy(tmp_path):
    for part, first in (("train", 0), ("test", 50)):
        images(tmp_path / part / "img", 10, first)
        for number in range(10):
            (tmp_path / part / f"img/{first + number}.png").rename(
                tmp_path / part / f"img/x{number}.png"
            )
        write(tmp_path / part / "0.parquet", [f"img/x{number}.png" for number in range(10)])
    info = summarise(parquet(str(tmp_path)))
    assert (info.train, info.test) == (9, 10) and not info.ledger.duplicates


def test_a_test_part_of_paths_without_labels_is_counted(tmp_path):
    names = [f"img/{file.name}" for file in images(tmp_path / "img", 16)]
    write(tmp_path / "train-0.parquet", names[:10])
    table = pa.table({"image": names[10:], "label": [-1] * 6})
    pq.write_table(table, tmp_path / "test-0.parquet")
    info = summarise(parquet(str(tmp_path)))
    (entry,) = info.ledger.unused
    assert (info.test, entry.count) == (0, 6) and "without labels" in entry.reason


def test_neither_bytes_nor_paths(tmp_path):
    kind = pa.struct([("bytes", pa.binary())])
    table = pa.table({"image": pa.array([{"bytes": None}] * 4, kind), "label": [0, 1] * 2})
    pq.write_table(table, tmp_path / "a.parquet")
    with pytest.raises(DataError, match="all 4 bytes of column 'image' are null"):
        summarise(parquet(str(tmp_path)))


def test_a_struct_with_paths_alone(tmp_path):
    files = images(tmp_path / "img", 10)
    rows = [{"path": f"img/{file.name}"} for file in files]
    table = pa.table({"image": pa.array(rows), "label": [0, 1] * 5})
    pq.write_table(table, tmp_path / "a.parquet")
    assert summarise(parquet(str(tmp_path))).train == 9


@pytest.mark.s3
def test_paths_in_a_bucket_are_those_on_disk(reach, servers: Servers, tmp_path):
    files = images(tmp_path / "img", 20)
    names = [f"../img/{file.name}" for file in files]
    write(tmp_path / "data/train-0.parquet", [*names, "../img/gone.png", "../../other/0.png"])
    uri = reach("moto")
    for file in filter(Path.is_file, tmp_path.rglob("*")):
        key = f"{uri.removeprefix(f's3://{BUCKET}/')}/{file.relative_to(tmp_path)}"
        servers.get("moto").client().put_object(Bucket=BUCKET, Key=key, Body=file.read_bytes())
    near, far = parquet(str(tmp_path), max_bad=0.2), parquet(uri, max_bad=0.2)
    assert np.array_equal(load(near).train_images, load(far).train_images)
    assert reasons(near) == reasons(far) and reasons(far)["no such file"] == 1
    streamed = far.model_copy(update={"memory": "never"})
    first, second = source_of(near), source_of(streamed)
    assert same(first.training(7, 1, SHARE), second.training(7, 1, SHARE))
    with pytest.raises(DataError, match="leads out"):
        summarise(parquet(f"{uri}/data/train-*.parquet", max_bad=0.2))
    rooted = parquet(f"{uri}/data/train-0.parquet", image_root=f"{uri}/img", max_bad=0.2)
    with pytest.raises(DataError, match="22 a path that leads out"):
        summarise(rooted)
