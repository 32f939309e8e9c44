"""Mistakes that only the plan, the machine or the data show."""

from tests.support.mistakes.mistake import Mistake

DATA = "data: {source: synthetic, images: 64, validation_images: 32, size: 8, num_classes: 2}"
PHOTOS = "data: {source: image_folder, path: photos}"


def of_data(title: str, data: str, cause: str, allowed: str, folder: str, **more) -> Mistake:
    """Return a mistake in the key `data`, or in what it names; it is named at its path."""
    place = f"spec.yaml:3:{data.index('path: ') + 7}: "
    return Mistake(title, DATA, data, place, cause, allowed, folder=folder, **more)


PLANS = [
    Mistake(
        "a resolution below the strides",
        "  resolution: 8",
        "  resolution: 1",
        "spec.yaml:5:15",
        "below the network's total stride",
        "2 pixels or more",
    ),
    Mistake(
        "a budget that admits no network",
        "tolerance: 0.2",
        "tolerance: 0.001",
        "spec.yaml:14:11",
        "no network costs 2x the baseline's MACs",
        "tolerance: 0.01 admits the nearest network",
    ),
    Mistake(
        "a phi far too large",
        "phi: [1]",
        "phi: [15]",
        "spec.yaml:17:15",
        "phi 15 multiplies depth by",
        "or less",
    ),
    Mistake(
        "a limit on epochs that the plan exceeds",
        "family:",
        "budget: {epochs: 3}\nfamily:",
        "spec.yaml:17:18",
        "the plan takes up to 16 epochs, the budget is 3",
        "a larger budget",
    ),
    Mistake(
        "a GPU that the machine lacks",
        "{search: {gpus: 0}",
        "{search: {gpus: 1}",
        "spec.yaml:19:21",
        "0 GPUs",
        "set `gpus` to 0 or auto",
    ),
    Mistake(
        "more workers than CPUs",
        "family: {gpus: 0}",
        "family: {gpus: 0, workers: 16}",
        "spec.yaml:19:40",
        "needs 16 CPUs (16 workers x 1)",
        "every worker lies on one host",
    ),
    Mistake(
        "a batch that workers do not divide",
        "family: {gpus: 0}",
        "family: {gpus: 0, workers: 3}",
        "spec.yaml:18:27",
        "a batch of 16 does not split over 3 workers",
        "a multiple of 3, such as 15 or 18",
    ),
    Mistake(
        "test and validation that take all images",
        DATA,
        "data: {source: digits, test: 0.6, validation: 0.5}",
        "spec.yaml:3:30",
        "none is left for training",
        "a sum below 1",
    ),
    Mistake(
        "images that grow from one pixel",
        "batch: 16",
        "batch: 16, resizing: {start: 0.1}",
        "spec.yaml:18:49",
        "below the network's total stride",
        "such as 0.25",
    ),
    Mistake(
        "measured speeds that were never measured",
        "tolerance: 0.2",
        "tolerance: 0.2, cost: step_time",
        "spec.yaml:14:49",
        "needs measured speeds",
        "macs, params, activations or memory without a probe",
        ("step_time", "macs"),
    ),
    Mistake(
        "a store below a file",
        "family:",
        "store: spec.yaml/runs\nfamily:",
        "spec.yaml:17:8",
        "a file lies where a folder is needed",
        "set another `store`",
        ("spec.yaml/runs", "runs"),
    ),
    Mistake(
        "a learning rate that nothing decides",
        "batch: 16",
        "batch: 16, learning_rate: auto",
        "spec.yaml:18:46",
        "takes the best rate of a study's recipe check, and there is none",
        "a number",
    ),
    Mistake(
        "a network of one's own that is not installed",
        "name: flowers",
        "name: flowers\nweights: x.safetensors",
        "spec.yaml:3:1",
        "unknown key 'weights'",
        "name, store, data",
        ("weights: x.safetensors\n", ""),
    ),
]
DATA_MISTAKES = [
    of_data(
        "a folder that is not there",
        "data: {source: image_folder, path: photoz}",
        "no such folder",
        "did you mean 'photos'",
        "photos",
    ),
    of_data(
        "the folder of one class",
        "data: {source: image_folder, path: photos/train/ant}",
        "no class folder beside 6 files",
        "train/CLASS/image.png",
        "photos",
    ),
    of_data(
        "images of one class alone",
        PHOTOS,
        "training images are of one class, 'ant'",
        "two classes or more",
        "one_class",
        after="second_class",
    ),
    of_data(
        "images without class folders",
        PHOTOS,
        "no class folder beside 8 files",
        "CLASS/image.png",
        "flat",
        after="sorted_images",
    ),
    of_data(
        "an empty folder",
        PHOTOS,
        "it is empty",
        "CLASS/image.png",
        "empty",
        after="filled",
    ),
    of_data(
        "images that cannot be decoded",
        PHOTOS,
        "3 of 12 images cannot be decoded",
        "raise `max_bad`",
        "corrupt",
        repair=("photos}", "photos, max_bad: 0.5}"),
    ),
    of_data(
        "a column that is not there",
        "data: {source: parquet, path: photos.parquet, label_column: class}",
        "no column 'class'",
        "the file has image: struct<bytes: binary, path: string>, label: int64",
        "table",
    ),
    of_data(
        "a folder of photographs as Parquet",
        "data: {source: parquet, path: photos}",
        "no Parquet file in this folder",
        "write `source: image_folder`",
        "photos",
    ),
    of_data(
        "a Parquet file as a folder",
        "data: {source: image_folder, path: photos.parquet}",
        "it is a Parquet file",
        "write `source: parquet`",
        "table",
    ),
    of_data(
        "an archive that was not unpacked",
        "data: {source: image_folder, path: photos.zip}",
        "it is an archive",
        "write `path: photos`",
        "archive",
    ),
    of_data(
        "a table of names as CSV",
        "data: {source: parquet, path: labels.csv}",
        "it has no Parquet in it",
        "write `path: labels.parquet`",
        "csv",
    ),
    of_data(
        "a class in val that train lacks",
        PHOTOS,
        "classes are not in train: wasp",
        "the 2 classes of train that have images",
        "other_classes",
        after="same_classes",
    ),
]
