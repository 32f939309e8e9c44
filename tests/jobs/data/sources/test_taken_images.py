"""A study and all its workers take the same images, whatever each machine can decode."""

from pathlib import Path

import pytest
import torch

from compound.jobs.data.batches import Share
from compound.jobs.data.listing import image_file
from compound.jobs.data.source import evaluated_part, inspect, summarise
from compound.jobs.parallel.failure import classify
from compound.jobs.training.data_cache import DataCache
from compound.schemas.data import DataInfo, ImageFolderData, Undecodable
from compound.schemas.errors import DataError
from compound.schemas.job import DataRef
from compound.schemas.recipe import Recipe
from tests.support.image_files import encoded, folder, write_folder
from tests.support.pictures import encode, picture

CPU = torch.device("cpu")
MEMORY = ["always", "never"]


@pytest.fixture
def spec(tmp_path: Path) -> ImageFolderData:
    """Two classes of 20 images, a fifth of them AVIF, with a fifth held out for the test."""
    root = write_folder(tmp_path, 16)
    for number in range(8):
        place = tmp_path / "train" / ("ant", "bee")[number % 2]
        (place / f"phone{number}.avif").write_bytes(encoded(900 + number, kind="AVIF"))
    return folder(root, max_bad=0.3, test=0.2, validation=0.2)


@pytest.fixture
def no_avif(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """A machine whose Pillow was built without AVIF."""
    formats = tuple(name for name in image_file.FORMATS if name != "AVIF")
    monkeypatch.setattr(image_file, "FORMATS", formats)
    monkeypatch.setattr(image_file, "_READ_HERE", set(formats))
    return monkeypatch


def planned(spec: ImageFolderData, info: DataInfo) -> DataRef:
    return DataRef(spec=spec, fingerprint=info.fingerprint, undecodable=info.undecodable)


def labels_of(data: DataRef, part: str = "validation") -> tuple[int, list[int]]:
    """Return how many images a worker trains on, and the labels that it evaluates."""
    source = DataCache().source(data, 8, Recipe(), CPU, 1, part)
    batches = list(source.validation(0, 1, 64))
    return source.images, torch.cat([batch[1] for batch in batches]).tolist()


def test_the_identity_of_data_says_which_images_are_left_out(
    spec: ImageFolderData, no_avif: pytest.MonkeyPatch
) -> None:
    without = inspect(spec)
    no_avif.undo()
    everything = inspect(spec)
    assert everything.undecodable == Undecodable()
    assert everything.fingerprint == summarise(spec).fingerprint != without.fingerprint
    assert (everything.train + everything.validation, everything.test) == (32, 8)
    assert without.train + without.validation + without.test == 32


@pytest.mark.parametrize("memory", MEMORY)
def test_a_worker_that_can_decode_more_takes_what_was_planned(
    spec: ImageFolderData, no_avif: pytest.MonkeyPatch, memory: str
) -> None:
    spec = spec.model_copy(update={"memory": memory})
    info = inspect(spec)
    no_avif.undo()
    train, labels = labels_of(planned(spec, info))
    assert (train, len(labels)) == (info.train, info.validation)
    part = evaluated_part(spec, info.undecodable)
    assert part.images == info.test == len(labels_of(planned(spec, info), "test")[1])
    assert part.content != evaluated_part(spec, Undecodable()).content


@pytest.mark.parametrize("memory", MEMORY)
def test_a_worker_that_lacks_a_decoder_fails_and_says_which(
    spec: ImageFolderData, request: pytest.FixtureRequest, memory: str
) -> None:
    spec = spec.model_copy(update={"memory": memory})
    data = planned(spec, inspect(spec))
    request.getfixturevalue("no_avif")
    with pytest.raises(DataError, match="cannot be decoded here, but could where") as caught:
        labels_of(data)
    cause = classify(caught.value)
    assert cause.kind == "data" and "pip install --upgrade pillow" in cause.message


def test_a_streamed_image_that_is_lost_is_an_error_where_it_was_planned(tmp_path: Path) -> None:
    spec = folder(write_folder(tmp_path, 16), memory="never", max_bad=0.2)
    data = planned(spec, inspect(spec))
    older = data.model_copy(update={"undecodable": None})
    sources = [DataCache().source(each, 8, Recipe(), CPU, 1) for each in (data, older)]
    (tmp_path / "train/ant/3.png").unlink()
    share = Share.of(8, 8, 0, 1)
    with pytest.raises(DataError, match="1 of 32 images cannot be decoded here, but"):
        list(sources[0].training(0, 1, share))
    assert len(list(sources[1].training(0, 1, share))) == 3


@pytest.mark.parametrize("memory", MEMORY)
def test_counts_are_of_taken_images_however_they_are_kept(tmp_path: Path, memory: str) -> None:
    spec = folder(write_folder(tmp_path, 16), memory=memory, max_bad=0.2, test=0.2)
    for name in ("ant/1.png", "ant/2.png", "bee/7.png"):
        (tmp_path / "train" / name).write_bytes(b"text")
    info = inspect(spec)
    assert info.ledger is not None
    counts = (info.train, info.validation, info.test)
    assert counts == tuple(part.taken for part in info.ledger.parts)
    assert sum(counts) == 29


def test_a_plan_says_what_its_sample_cannot_decode(
    spec: ImageFolderData, no_avif: pytest.MonkeyPatch
) -> None:
    ledger = summarise(spec).ledger
    assert ledger is not None
    (note,) = [note for note in ledger.notes if "cannot be decoded here" in note]
    assert "pip install --upgrade pillow" in note and "`compound data` decodes all" in note


def test_how_images_look_is_counted_over_all_of_all_parts(tmp_path: Path) -> None:
    for part, count in (("train", 150), ("val", 50), ("test", 50)):
        write_folder(tmp_path, count, split=part)
    turned = ["train/ant/101.jpg", "train/bee/77.jpg", "val/ant/33.jpg", "test/bee/9.jpg"]
    for name in turned:
        (tmp_path / name).write_bytes(encode(picture("RGB"), "JPEG", 6))
    (tmp_path / "test/ant/8.png").write_bytes(encode(picture("RGBA"), "PNG"))
    (tmp_path / "train/ant/7.png").write_bytes(b"text")
    spec = folder(str(tmp_path), max_bad=0.01)
    ledger, planned_ledger = inspect(spec).ledger, summarise(spec).ledger
    assert ledger and ledger.appearance and planned_ledger and planned_ledger.appearance
    looks, sampled = ledger.appearance, planned_ledger.appearance
    taken = sum(part.taken for part in ledger.parts)
    assert looks.sampled == looks.listed == taken == sum(tally.count for tally in looks.modes)
    assert (looks.oriented, looks.transparent) == (len(turned), 1)
    assert any(f"{len(turned)} of {taken} images have an orientation" in n for n in ledger.notes)
    assert sampled.sampled < sampled.listed < taken, "a plan samples training and validation"
