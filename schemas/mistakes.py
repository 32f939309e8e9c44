"""What networks get wrong on the validation images, and how much the choice of images matters."""

from compound.schemas.base import Model


class ImageDoubt(Model):
    """Whether the intervals of a verdict hold for new images, and what the images add to them."""

    images: int
    """Validation images of a score."""
    jobs: int
    """Jobs with a score."""
    unknown: int
    """Those of them without predictions of the same images: with one, no interval has the
    images."""
    error: float | None
    """The standard error that the choice of images alone gives a difference between two
    contenders, as a fraction of 1, the median over their pairs; None where it is left out."""
    sentence: str


class ConfusedPair(Model):
    """A class that is taken for another one."""

    label: str
    predicted: str
    images: float
    """The mean over the seeds."""
    share: float
    """Of the images with that label, as a fraction of 1."""


class HardImage(Model):
    """An image that networks of the search get wrong."""

    image: int
    """Its position in the validation part, from 0."""
    label: str
    predicted: str
    """The class that it is most often taken for."""
    wrong: int
    """Trained networks that get it wrong."""
    name: str = ""
    """Of its file, where the source has names."""


class Mistakes(Model):
    """The wrong answers to the validation images."""

    images: int
    seeds: int
    """Trained networks of the choice, of which the confusions are."""
    runs: int
    """Trained networks of all candidates, of which the hardest images are."""
    matrix: tuple[tuple[float, ...], ...] = ()
    """Images by label and predicted class, the mean over the choice's seeds; empty where there
    are many classes."""
    pairs: tuple[ConfusedPair, ...] = ()
    """Of the choice, most images first."""
    hardest: tuple[HardImage, ...] = ()
    """Over all candidates, most often wrong first."""
