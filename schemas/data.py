"""Where images come from, and what one reading of them showed."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from compound.schemas.base import Model
from compound.schemas.data_ledger import DataLedger
from compound.schemas.store_uri import UserPath, data_bucket


def _readable(path: str) -> str:
    data_bucket(path)
    return path


DataPath = Annotated[UserPath, AfterValidator(_readable)]
"""A path, or `s3://bucket/prefix`; credentials come from the environment."""
Count = Annotated[int, Field(ge=1, le=1_000_000_000)]
Fraction = Annotated[float, Field(gt=0, lt=1)]
COLOUR_PATTERN = r"^(white|black|grey|#[0-9a-fA-F]{6})$"
Colour = Annotated[str, Field(pattern=COLOUR_PATTERN)]


class _Source(Model):
    limit: Count | None = None
    """Use only this many training images, chosen evenly over the classes by `split_seed`."""
    validation_limit: Count | None = None
    """Use only this many validation images, chosen in the same way."""
    split_seed: Annotated[int, Field(ge=0, lt=2**32)] = 0
    """Decides which images are taken by a limit, and which are split off."""


class _TestSplit(_Source):
    test: Fraction | None = None
    """The fraction of all images that is held out for the test part, before validation is split
    off: no decision sees it. Not needed where the source has a test part of its own."""


class DigitsData(_TestSplit):
    """The 1,797 handwritten 8x8 digits that come with scikit-learn: real, and no download."""

    source: Literal["digits"]
    """The handwritten digits that come with scikit-learn."""
    validation: Fraction = 0.25
    """The fraction of the images that is for validation."""


class _Encoded(_TestSplit):
    max_bad: Annotated[float, Field(ge=0, lt=1)] = 0.01
    """The fraction of images that may be undecodable before the study is refused."""
    memory: Literal["auto", "always", "never"] = "auto"
    """Whether decoded images are kept in memory; `auto`: where they take at most half of it.
    Otherwise they are streamed: decoded by other processes while training goes on."""
    buffer: Count = 4096
    """Images that are shuffled together where Parquet is streamed; held in memory as encoded."""
    cache: UserPath = "auto"
    """A folder where streamed images are kept decoded after the first epoch, or `off`. `auto`: the
    folder that the environment variable COMPOUND_CACHE names, else off."""
    decoders: Annotated[int, Field(ge=1, le=256)] | None = None
    """Processes that decode, for each worker; without a number as many as it has CPUs."""
    background: Colour = "white"
    """The colour behind transparent pixels."""
    channels: Literal["auto", 1, 3] = "auto"
    """Channels of every decoded image; `auto`: 1 where all sampled images are grey, else 3."""
    white: Literal["auto"] | Annotated[float, Field(gt=0, allow_inf_nan=False)] = "auto"
    """The value that is white in grey images of more than 8 bits, such as 4095. `auto`: the largest
    of 8, 10, 12, 14, 16, 24 or 32 bits that holds all sampled values, or 1 for fractions."""


class ParquetData(_Encoded):
    """Encoded images in Parquet, as Hugging Face writes them: struct<bytes, path> and a label."""

    source: Literal["parquet"]
    """Encoded images in Parquet files."""
    path: DataPath
    """A file, a folder of files, or s3://bucket/prefix."""
    validation_path: DataPath | None = None
    """A file of its own for validation; without one, `validation` is split off."""
    test_path: DataPath | None = None
    """A file of its own for the test part."""
    validation: Fraction = 0.1
    """The fraction of the training images that is split off for validation."""
    image_column: str = "image"
    """The column with the images."""
    label_column: str = "label"
    """The column with the labels."""
    image_root: DataPath | None = None
    """The folder that paths in `image_column` are relative to, where the file has paths in place of
    images; without one, the folder of the Parquet file, else that of the data."""


class ImageFolderData(_Encoded):
    """A folder of `train/CLASS/image.png`, with `val/CLASS/...` where there is one."""

    source: Literal["image_folder"]
    """A folder for each class."""
    path: DataPath
    """The folder that contains `train`, or s3://bucket/prefix."""
    validation: Fraction = 0.1
    """The fraction of the training images that is split off where there is no `val` folder."""
    size: Annotated[int, Field(ge=1, le=1024)] = 256
    """Images become squares, centre cropped, of at most this many pixels a side."""


class IdxData(_TestSplit):
    """MNIST's format: `train-images-idx3-ubyte` and its labels, with `t10k-...` as the test part;
    each may be gzipped."""

    source: Literal["idx"]
    """Files in MNIST's format."""
    path: DataPath
    """The folder of the four files."""
    validation: Fraction = 0.1
    """The fraction of the training images that is split off for validation."""


class SyntheticData(_Source):
    """Noisy class patterns made from a seed: learnable, instant, for tests and timing."""

    source: Literal["synthetic"]
    """Patterns made from a seed."""
    images: Count = 512
    """Training images."""
    validation_images: Count = 256
    """Validation images."""
    test_images: Count | None = None
    """Test images; null: no test part."""
    num_classes: Annotated[int, Field(ge=2, le=10_000)] = 4
    """Classes."""
    channels: Annotated[int, Field(ge=1, le=16)] = 3
    """Channels of an image."""
    size: Annotated[int, Field(ge=1, le=1024)] = 16
    """Pixels on a side."""
    noise: Annotated[float, Field(ge=0, le=10)] = 0.5
    """Standard deviation of the noise over that of the patterns."""


DataSpec = Annotated[
    DigitsData | ParquetData | ImageFolderData | IdxData | SyntheticData,
    Field(discriminator="source"),
]


class Undecodable(Model):
    """The images that cannot be decoded, by their positions among those that the spec selects.

    Which images these are depends on the packages of the machine that decodes. So the machine that
    plans decides, and all workers leave out exactly these.
    """

    train: tuple[int, ...] = ()
    validation: tuple[int, ...] = ()
    test: tuple[int, ...] = ()


def is_unknown(value: object) -> bool:
    """Return whether a field is None, and left out where it is stored."""
    return value is None


class DataInfo(Model):
    """What a data source holds: it is read once, before any training."""

    fingerprint: str
    """A hash of the content that training sees; part of every job's identity."""
    classes: tuple[str, ...]
    in_channels: int
    size: int
    """Pixels on a side as stored, before a job resizes to its own resolution."""
    train: int
    validation: int
    quarantined: tuple[str, ...] = ()
    """Images that could not be decoded, by name, with the reason."""
    undecodable: Annotated[Undecodable | None, Field(exclude_if=is_unknown)] = None
    """The same by position; None: they are not known, since no image was decoded."""
    test: int = 0
    """Images of the test part; 0: there is none."""
    pixels: int = 1
    """The version of the rules that make pixels of a file. 2: the data have images of which the
    first rules made other pixels (orientation, transparency, grey beside colour, more formats). 3:
    the second did too (deep grey whose 0 is white or of 32 bits, a GIF smaller than its canvas)."""
    ledger: DataLedger | None = None
    """None: planned before there was a ledger."""
