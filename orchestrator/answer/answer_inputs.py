"""What an answer is made from: a study's documents, its results, and what training costs."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from compound.jobs.models.scaled import Networks
from compound.orchestrator.forecast.job_cost import CostModel
from compound.schemas.job import JobResult

if TYPE_CHECKING:
    from compound.orchestrator.records.documents import Documents

LEVEL = 0.9
"""Of intervals where there is no search, whose spec says it; the same as its default."""


@dataclass(frozen=True)
class AnswerInputs:
    """What an answer is made from."""

    stored: "Documents"
    results: Mapping[str, JobResult]
    """Of the jobs of the lines, by their identity."""
    costs: CostModel
    networks: Networks = field(default_factory=Networks)
    """What scales the baseline; code of a user only where that is allowed."""

    @property
    def level(self) -> float:
        """The level of all intervals."""
        search = self.stored.record.spec.search
        return search.level if search else LEVEL

    @property
    def images(self) -> int:
        """Validation images."""
        return self.costs.data.validation

    @property
    def one_recipe(self) -> bool:
        """Whether search and family train by the same recipe."""
        spec = self.stored.record.spec
        return spec.search is None or spec.search.train == spec.train
