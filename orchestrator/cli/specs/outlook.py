"""What a first study takes on this machine: the forecast of its plan, and the largest that fits."""

from dataclasses import dataclass, replace

from compound.orchestrator.cli.printing.output import note
from compound.orchestrator.first_spec.draft import Draft
from compound.orchestrator.first_spec.foreseen_text import Foreseen
from compound.orchestrator.first_spec.study_size import StudySize, largest_within
from compound.orchestrator.forecast.device_probe import probe_for
from compound.orchestrator.forecast.devices import profile_of
from compound.orchestrator.prepare import Prepared, prepare
from compound.orchestrator.refusals import store_there
from compound.schemas.data import DataInfo
from compound.schemas.errors import ClusterError, PlanError, RunError

_SHARE = 0.5
"""The part of the time that the forecast may take: it is of an idle machine, of Ray on all of its
CPUs, and may be wrong by a third."""
_PROBE_SECONDS = 20.0


@dataclass(frozen=True)
class Outlook:
    """The data, and what a study on them takes on this machine."""

    draft: Draft
    info: DataInfo
    """With all images, divided into parts."""

    def at(self, size: StudySize) -> Draft:
        """Return the draft of another size."""
        return replace(self.draft, size=size)

    def prepared(self, size: StudySize) -> Prepared:
        """Plan a size and forecast what it takes. PlanError: nothing can be made of it."""
        draft = self.at(size)
        return prepare(draft.spec(), draft.foreseen(self.info), store_there(self.draft.store))

    def seconds(self, size: StudySize) -> float:
        """Return the time on this machine; endless where nothing can be planned."""
        try:
            return self.prepared(size).forecast.most.wall_seconds
        except PlanError:
            return float("inf")

    def largest(self, minutes: float) -> Foreseen:
        """Return the largest study that takes so many minutes."""
        size = largest_within(_SHARE * 60 * minutes, self.draft.available, self.seconds)
        return self.foreseen(size)

    def foreseen(self, size: StudySize) -> Foreseen:
        """Return a size with its plan and forecast."""
        prepared = self.prepared(size)
        plan = prepared.plan.search
        assert plan is not None, "a first spec is of a study"
        return Foreseen(self.at(size), plan, prepared.forecast)


def probe_once(outlook: Outlook, seconds: float = _PROBE_SECONDS) -> None:
    """Measure this machine, where the store has no measurement of it yet."""
    spec = outlook.draft.spec()
    if profile_of(spec, store_there(spec.store)).source != "guess":
        return
    try:
        probe_for(spec, None, note, seconds)
    except (RunError, ClusterError) as error:
        # On a machine that others keep busy: a rough time is better than no spec.
        note(f"warning: this machine is not measured: {error.message}")
