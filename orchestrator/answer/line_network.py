"""The network at any phi of the line, trained or not, and the job that would train it."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from compound.jobs.models.scaled import Networks
from compound.orchestrator.design.budget_cost import measure_of
from compound.orchestrator.design.limits import obstacles
from compound.orchestrator.plan.schedules import job
from compound.orchestrator.scale.family import scaled
from compound.orchestrator.scale.way_networks import WayNetworks
from compound.schemas.architecture import Candidate, Coefficients, Way
from compound.schemas.data import DataInfo
from compound.schemas.errors import FactoryError, PlanError
from compound.schemas.job import JobRequest
from compound.schemas.machine.device import DeviceProfile
from compound.schemas.study import AnySpec

if TYPE_CHECKING:
    from compound.orchestrator.records.documents import Documents


@dataclass(frozen=True)
class LineBuilder:
    """What scales a study's baseline along the line of its coefficients."""

    spec: AnySpec
    baseline: Candidate
    data: DataInfo
    coefficients: Coefficients
    profile: DeviceProfile | None
    networks: Networks = field(default_factory=Networks)
    choices: tuple[Coefficients, ...] = ()
    """What the search can choose: a spec is refused whose phi is too large for any of them."""

    @classmethod
    def of(
        cls, stored: "Documents", coefficients: Coefficients | None, networks: Networks
    ) -> "LineBuilder | None":
        """Return it for a study; None where there is no plan, or nothing to scale by."""
        planned = stored.plan or stored.trained
        if planned is None or coefficients is None:
            return None
        spec, searched = stored.record.spec, stored.plan.candidates if stored.plan else ()
        return cls(
            spec,
            planned.baseline,
            planned.data,
            coefficients,
            planned.profile,
            networks,
            tuple(candidate.coefficients for candidate in searched),
        )

    def obstacle(self, phi: float) -> str:
        """Say why a spec may not have that phi, as its check does; empty where it may."""
        choices, network = (self.coefficients, *self.choices), self.baseline.architecture
        problems = (text for c in choices for _, _, text in obstacles(self.spec, network, c, phi))
        return next(problems, "")

    def network(self, phi: float) -> Candidate | None:
        """Return the network at phi, counted exactly; None where it cannot be built here."""
        spec, base = self.spec, self.baseline
        if phi == 0:
            return base
        if any(obstacles(spec, base.architecture, self.coefficients, phi)):
            return None
        try:
            measure = measure_of(spec, self.profile)
            return scaled(spec, base, self.coefficients, phi, measure, self.networks)
        except PlanError:
            return None

    def request(self, network: Candidate, phi: float) -> JobRequest:
        """Return the training of a network by the family's recipe, with the first seed."""
        spec = self.spec
        recipe, profile = spec.train, self.profile
        training = job(spec, self.data, network, recipe, spec.seed, phi=phi, profile=profile)
        return JobRequest(job=training, resources=spec.family_resources)


@dataclass(frozen=True)
class WayBuilder:
    """What builds the networks of another way of scaling: each costs what the choice's does."""

    way: Way
    choice: LineBuilder
    ways: WayNetworks

    def network(self, phi: float) -> Candidate | None:
        """Return the network of the choice's cost at phi; None where it cannot be built here."""
        beside = self.choice.network(phi)
        if phi == 0 or beside is None:
            return beside
        try:
            network = self.ways.at(self.way, phi, beside.ratio)
        except (PlanError, FactoryError):
            return None
        return None if isinstance(network, str) else network

    def obstacle(self, phi: float) -> str:
        """Say why a spec may not have that phi, as its check does; empty where it may."""
        return self.choice.obstacle(phi)

    def request(self, network: Candidate, phi: float) -> JobRequest:
        """Return the training of a network by the family's recipe, with the first seed."""
        return self.choice.request(network, phi)
