"""A test part of encoded images: which images it has, and which parts are refused."""

import pytest

from compound.jobs.data.sources.encoded import Choice, choose, inspect, read_or_stream, summarise
from compound.jobs.data.sources.part_identity import encoded_part
from compound.schemas.errors import DataError
from tests.support.listed_images import ListedImages, catalogue_of, listed, spec_of

LABELS = [0, 1, 2] * 10


def chosen(own: ListedImages | None, **fields: object) -> Choice:
    return choose(spec_of(**fields), catalogue_of(listed(LABELS), test=own))


def test_a_part_of_the_source_changes_no_identity_and_no_image_of_the_other_parts() -> None:
    without, with_test = chosen(None), chosen(listed([0, 1, 2, 2], first=100))
    assert with_test.info == without.info.model_copy(update={"test": 4})
    for part in ("train", "validation"):
        own, other = getattr(with_test, part), getattr(without, part)
        assert own.indices.tolist() == other.indices.tolist()
    moved = chosen(listed([0], first=100), test_path="elsewhere.parquet")
    assert moved.info.fingerprint == without.info.fingerprint


def test_training_reads_no_test_image() -> None:
    train, held, test = listed(LABELS), listed([0, 1], first=100), listed([0, 1, 2], first=200)
    catalogue = catalogue_of(train, held, test)
    trained = read_or_stream(spec_of(), catalogue)
    assert (len(set(held.read)), trained.info.test) == (2, 3)
    assert not test.read
    assert not isinstance(trained, Choice)
    assert trained.validation_labels.tolist() == [0, 1]
    tested = read_or_stream(spec_of(), catalogue, "test")
    assert not isinstance(tested, Choice)
    assert tested.validation_labels.tolist() == [0, 1, 2]
    assert (tested.train_images == trained.train_images).all()


def test_a_streamed_test_part_stays_streamed_and_leaves_no_pixels_on_disk() -> None:
    choice = chosen(listed([0, 1, 2], first=100), memory="never", cache="/tmp/pixels").for_test()
    assert choice.streamed
    assert (choice.spec.cache, choice.info.validation) == ("off", 3)


def test_a_held_out_fraction_is_part_of_the_identity_of_the_data() -> None:
    whole, held_out = chosen(None), chosen(None, test=0.2)
    assert (held_out.info.test, held_out.info.train, held_out.info.validation) == (6, 21, 3)
    assert held_out.info.fingerprint != whole.info.fingerprint
    parts = [held_out.train, held_out.validation, held_out.test]
    indices = [index for part in parts if part for index in part.indices.tolist()]
    assert sorted(indices) == list(range(30))


def test_the_hash_of_a_test_part_follows_its_images_and_labels() -> None:
    def content(own: ListedImages | None, **fields: object) -> str:
        catalogue = catalogue_of(listed(LABELS), test=own)
        return encoded_part(choose(spec_of(**fields), catalogue), catalogue).content

    first = content(listed([0, 1, 2], first=100))
    assert first == content(listed([0, 1, 2], first=100), validation=0.3)
    assert first != content(listed([0, 1, 2], first=200))
    assert first != content(listed([0, 2, 1], first=100))
    assert content(None, test=0.2) != content(None, test=0.2, split_seed=1)


@pytest.mark.parametrize(
    ("test", "fields", "words"),
    [
        (listed([]), {}, "the test part is empty"),
        (listed([0, 3, 3], first=100), {}, "1 of 4 classes have test images, 2 in all, and no"),
        (listed([0, 9], first=100), {}, "labels are out of range: 9"),
        (listed([0], first=100), {"test": 0.1}, "has a test part of its own"),
        (None, {"test": 0.6, "validation": 0.4}, r"test \(0.6\) and validation \(0.4\) take all"),
        (None, {"test": 0.01}, "the test part would be empty: 0.01 of 30 images"),
    ],
)
def test_an_unfit_part_is_refused(
    test: ListedImages | None, fields: dict[str, object], words: str
) -> None:
    with pytest.raises(DataError, match=words):
        choose(spec_of(**fields), catalogue_of(listed(LABELS), test=test, classes=4))


def test_a_test_part_that_is_another_part_is_refused_by_its_content() -> None:
    held, test = listed([0, 1], first=100), listed([0, 1], first=100)
    with pytest.raises(DataError, match="the validation part are the same 2 images"):
        summarise(spec_of(), catalogue_of(listed(LABELS), held, test))
    same = catalogue_of(listed(LABELS), held, listed(LABELS))
    with pytest.raises(DataError, match="the training part are the same 30 images"):
        inspect(choose(spec_of(), same))
    assert summarise(spec_of(), catalogue_of(listed(LABELS), held, listed([0, 1], 200))).test == 2


def test_broken_test_images_are_counted_apart_from_the_others() -> None:
    test = listed([0, 1, 2], first=100)
    broken = ListedImages(test.labels, (b"no image", *test.encoded[1:]), [])
    choice = choose(spec_of(), catalogue_of(listed(LABELS), test=broken))
    with pytest.raises(DataError, match="1 of 3 images cannot be decoded: 0:"):
        inspect(choice)
    lenient = choose(spec_of(max_bad=0.4), catalogue_of(listed(LABELS), test=broken))
    assert inspect(lenient).quarantined[0].startswith("0: ")
