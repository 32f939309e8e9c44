"""The test part and what was measured on it: test.json of a study.

No decision sees its images: they are read once, when all phases have ended.
"""

from typing import Annotated, Literal

from pydantic import Field

from compound.schemas.base import Model

Count = Annotated[int, Field(ge=0)]
Covers = Literal["images", "seeds and images"]
"""What may be drawn anew for an interval to hold."""
FinalRole = Literal["baseline", "best single axis", "choice", "family", "compared"]
"""`family` is scaled as the search chose, `compared` in another way at the same cost."""


class EvaluatedPart(Model):
    """The images of a test part, and a hash that changes when one of them does."""

    images: Count
    content: str
    """A hash of labels and images; the fingerprint of training and validation has none of it."""
    class_counts: tuple[Count, ...] = ()
    """Images of every class, in the order of the classes."""


class SeedScore(Model):
    """The weights of one job, evaluated on the test part."""

    job: str
    seed: int
    weights: str
    """A hash of the checkpoint that was evaluated, the job's last."""
    content: str
    """The test part's, see EvaluatedPart."""
    images: Count
    """Images that were evaluated; those that cannot be decoded are left out."""
    correct: Count
    accuracy: float
    """A fraction of 1."""
    loss: float
    validation: float | None
    """The job's validation accuracy, as stored in its last row."""
    low: float
    """Ends of Wilson's interval for the true accuracy of these weights, at the study's level."""
    high: float


class NetworkScore(Model):
    """A network on the test part, over its seeds."""

    role: FinalRole
    network: str
    """The identity of the architecture."""
    name: str
    """Its name for people."""
    phi: float | None = None
    """Of a member of the family."""
    planned: Count
    """Jobs of this network, a seed each."""
    seeds: tuple[SeedScore, ...] = ()
    accuracy: float | None = None
    """The mean over the seeds; None: no seed was evaluated."""
    spread: float | None = None
    """The standard deviation between seeds; None with fewer than two."""
    low: float | None = None
    """Ends of the interval of the mean, at the study's level: how far new images like these would
    move it, and new seeds where `covers` says so."""
    high: float | None = None
    covers: Covers = "images"
    """`images`: of one seed, or in an older study: Wilson's interval for so many images."""
    validation: float | None = None
    """The mean validation accuracy of the same seeds."""
    unread: tuple[str, ...] = ()
    """Why seeds were not evaluated, a line each."""


class PairedDifference(Model):
    """The choice against another network of the study, on the same test images."""

    role: FinalRole
    over: FinalRole
    estimate: float
    """A difference of test accuracies, as a fraction of 1."""
    low: float | None
    """Ends of its interval, paired by image; None where the answers to single images are not
    known."""
    high: float | None
    covers: Covers = "images"
    p: float | None
    """McNemar's two-sided mid-p value over the seeds that both have."""
    seeds: Count
    sentence: str


class Reading(Model):
    """One time that the test part was read: one set of weights, however often it was resumed."""

    at: float
    """When it ended, in seconds since the Unix epoch, on the driver's clock."""
    content: str
    weights: str
    """A hash of all weights that were to be evaluated."""
    evaluated: Count
    """Jobs whose weights were evaluated in it."""


class FinalTest(Model):
    """Test accuracies of a study's networks; validation accuracies decided, these never do."""

    level: float
    part: EvaluatedPart | None
    """None: it has not been read yet."""
    images: Count
    """Images of the test part as planned; 0: there is none."""
    readings: tuple[Reading, ...] = ()
    """Oldest first. More than one: later networks were trained by someone who may have seen the
    earlier test accuracies."""
    networks: tuple[NetworkScore, ...] = ()
    differences: tuple[PairedDifference, ...] = ()
    """Of the choice against the baseline and the best single axis."""
    earlier: tuple[SeedScore, ...] = ()
    """Of weights that are no longer in any of these roles."""
    outdated: str = ""
    """Why the accuracies are not those of the data as they are now; empty: they are."""
    changed: EvaluatedPart | None = None
    """The test part as it is now, where it is not the one that was read: it is not read."""
    warnings: tuple[str, ...] = ()
    sentence: str
    """The test accuracy of the choice or of the largest network, in words."""

    @property
    def complete(self) -> bool:
        """Whether every seed of these networks has a test accuracy, or none was to be read yet.

        False where the test part is no longer the one that was read.
        """
        return self.changed is None and all(
            len(network.seeds) == network.planned for network in self.networks
        )

    @property
    def scores(self) -> tuple[SeedScore, ...]:
        """Every evaluation so far, each job once for each of its weights."""
        read = [score for network in self.networks for score in network.seeds]
        return tuple({(s.job, s.weights, s.content): s for s in (*self.earlier, *read)}.values())
