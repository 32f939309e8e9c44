"""What training at other learning rates has shown: the recipe check and the sensitivity."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any

from compound.jobs.store.folders.study_folder import StudyFolder
from compound.orchestrator.records.documents import RECIPE_CHECK, SENSITIVITY, Documents
from compound.schemas.outcomes.recipe_check import RecipeCheck, Sensitivity
from compound.schemas.study import AnySpec


@dataclass(frozen=True)
class OtherRates:
    """The documents on other learning rates that hold for a study as it is planned now."""

    check: RecipeCheck | None = None
    """None: there is none, or its jobs are not planned any more."""
    sensitivity: Sensitivity | None = None

    @classmethod
    def of(cls, stored: Documents) -> "OtherRates":
        """Take them from the documents of a study."""
        jobs = stored.plan.rate_jobs if stored.plan else ()
        planned = [job.request.job.id for job in jobs]
        return cls(_current(stored.recipe_check, planned), stored.sensitivity)

    @classmethod
    def read(
        cls, folder: StudyFolder, spec: AnySpec, listed: Collection[str], planned: Collection[str]
    ) -> "OtherRates":
        """Read them from a study's folder; `listed` lies there, `planned` are the study's jobs."""
        sensitive = spec.search is not None and spec.search.sensitivity and SENSITIVITY in listed
        check = folder.read(RECIPE_CHECK, RecipeCheck) if RECIPE_CHECK in listed else None
        sensitivity = folder.read(SENSITIVITY, Sensitivity) if sensitive else None
        return cls(_current(check, planned), sensitivity)

    @property
    def lines(self) -> Iterator[str]:
        """The rates that were tried, their accuracies and which was taken; then sensitivity."""
        if self.check:
            yield self.check.sentence
        if self.check and self.check.warning:
            yield f"warning: {self.check.warning}"
        if self.sensitivity and self.sensitivity.sentence:
            yield self.sensitivity.sentence

    @property
    def as_json(self) -> dict[str, Any]:
        """Both documents without the jobs, None for what is not there."""
        parts = {"recipe_check": self.check, "sensitivity": self.sensitivity}
        return {
            name: part.model_dump(mode="json", exclude={"jobs"}) if part else None
            for name, part in parts.items()
        }


def _current(check: RecipeCheck | None, planned: Collection[str]) -> RecipeCheck | None:
    return check if check and check.jobs and {*check.jobs} <= {*planned} else None
