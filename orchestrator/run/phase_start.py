"""A phase of a study as it begins."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from compound.schemas.job import JobRequest


@dataclass(frozen=True)
class Phase:
    """A part of a study whose jobs are trained together, as it begins."""

    title: str
    jobs: int
    pending: int
    """Jobs yet to be trained."""
    failed: int = 0
    """Jobs that failed before, and are not tried again."""
    reused: Mapping[str, int] = field(default_factory=dict)
    """Jobs that other studies had done before: their number by the name of the study."""
    requests: Sequence[JobRequest] = field(default=(), compare=False, repr=False)
    """Of the jobs yet to be trained, in their order."""

    @property
    def before(self) -> str:
        """How many jobs are done or have failed already, in words, and by which studies."""
        done = self.jobs - self.pending - self.failed
        studies = by_studies(self.reused)
        text = f", {done} done before" + (f" ({studies})" if studies else "") if done else ""
        return text + (f", {self.failed} failed before" if self.failed else "")


def by_studies(jobs: Mapping[str, int]) -> str:
    """Return in words how many jobs other studies have trained, by the names of the studies."""
    return ", ".join(f"{count} of them by study {name}" for name, count in jobs.items())
