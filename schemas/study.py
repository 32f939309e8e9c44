"""The YAML that a user writes: `kind: study`, or `kind: train` for one scaled variant."""

from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    TypeAdapter,
    ValidationInfo,
    model_validator,
)

from compound.schemas.architecture import CONTROLS, Coefficients, Control, Rounding, Way
from compound.schemas.base import STORED, MisfitError, Model, both_maps, merged, no_name_twice
from compound.schemas.baseline import Baseline
from compound.schemas.data import DataSpec
from compound.schemas.design import Budget, Design, LatticeDesign, without_surface
from compound.schemas.forecast import Phase
from compound.schemas.job import Resources
from compound.schemas.parallel import PARALLEL_KEYS
from compound.schemas.promotion import Family, Gate, Phi, Promotion, Rungs
from compound.schemas.recipe import Recipe
from compound.schemas.retries import Retries, RetryLimits
from compound.schemas.spending import Hosts, Spending
from compound.schemas.store_uri import StoreAddress
from compound.schemas.weights import Weights

NAME_PATTERN = r"^[a-z0-9]([a-z0-9_-]{0,61}[a-z0-9])?$"
"""Lower case, so that no two names differ in case only; no dots, no slashes."""

Name = Annotated[str, Field(pattern=NAME_PATTERN)]
Tracker = Literal["tensorboard", "mlflow"]


Controls = Annotated[tuple[Control, ...], AfterValidator(no_name_twice)]


class Search(Model):
    """The small search at phi = 1."""

    design: Design = LatticeDesign(kind="lattice")
    """Which networks the search trains."""
    budget: Budget = Budget()
    """What each of them may cost."""
    controls: Controls = CONTROLS
    """What is trained beside the design at the same cost; the gain is over the single axes."""
    recipe_check: bool = True
    """Train the baseline at several learning rates first; `learning_rate: auto` takes the best."""
    sensitivity: bool = False
    """Train choice and best single axis again at half and double the learning rate, and report
    whether the order holds."""
    seeds: Annotated[int, Field(ge=1, le=1000)] = 3
    """Trainings of each network, from different first weights and orders of the images."""
    level: Annotated[float, Field(gt=0.5, lt=1)] = 0.9
    """Confidence of the intervals in the verdict."""
    tie_break: Literal["activations", "step_time", "params", "macs", "published"] = "activations"
    """Which of the candidates that are about equally good is chosen: the lowest in this count,
    the fastest as measured, or the nearest to the published split."""
    rounds: Annotated[int, Field(ge=0, le=50)] = 0
    """How often networks outside the design are added, where the surface expects the most.
    Below 10 candidates there is no surface: then those farthest from all others."""
    points: Annotated[int, Field(ge=1, le=100)] = 3
    """Networks that each round adds."""
    promotion: Promotion | None = None
    """Cheap schedules first; by default every candidate trains the whole one with all seeds."""
    train: Recipe = Recipe()
    """The recipe of the search; a spec writes only what differs from `train`."""

    @model_validator(mode="after")
    def _promotion_can_work(self) -> "Search":
        promotion = self.promotion
        if self.tie_break == "step_time" and self.train.compile == "auto":
            raise MisfitError(
                ("train.compile", "tie_break"),
                "tie_break: step_time compares measured speeds, and with train.compile: auto some "
                "candidates may be compiled and others not",
                "write `compile: false`",
            )
        if isinstance(promotion, Rungs) and self.rounds and promotion.seeds < 2:
            noisy = "rounds need an estimate of the noise: set promotion.seeds to 2 or more"
            step = "write `seeds: 2` under `promotion`"
            raise MisfitError(("promotion.seeds", "rounds"), noisy, step)
        return self


class Placement(Model):
    """Resources of a search job and of a family job."""

    search: Resources = Resources()
    """Resources of a job of the search and of the gate."""
    family: Resources = Resources()
    """Resources of a job of the family."""

    @model_validator(mode="after")
    def _search_is_plain(self) -> "Placement":
        if not isinstance(self.search.workers, int):
            raise MisfitError(
                ("search.workers",),
                "search.workers is a range, which only family jobs may have",
                f"write `workers: {self.search.most_workers}` under `search`",
            )
        if self.search.parallel != "none":
            raise MisfitError(
                tuple(f"search.{key}" for key in PARALLEL_KEYS),
                f"search.parallel is {self.search.parallel}, which only family jobs may have",
                "write `parallel: none` under `search`",
            )
        return self


class _Common(Model):
    name: Name
    """The name of the study in its store: lower case letters, digits, - and _."""
    store: StoreAddress = "runs"
    """A folder, relative to where the command runs, or s3://bucket/prefix; never with keys."""
    data: DataSpec
    """The images: where they are, and which are for validation and test."""
    baseline: Baseline
    """The network to start from."""
    rounding: Rounding = Rounding()
    """How scaled depths, channels and resolutions become whole numbers."""
    train: Recipe = Recipe()
    """The training recipe."""
    seed: Annotated[int, Field(ge=0, lt=2**31)] = 0
    """The first seed; further ones count up from it."""
    cluster: Hosts | None = None
    """The cluster that the plan assumes; by default the machine that plans."""
    budget: Spending = Spending()
    """The spending limit of the whole study; `compound run` refuses a plan that takes more."""
    retries: Retries = 1
    """How often a job that raised an error is retried, or `{error: 1, lost_worker: 3,
    preemption: 100}`: each limit counts for itself. A job that diverged is never retried."""
    trackers: Annotated[tuple[Tracker, ...], AfterValidator(no_name_twice)] = ()
    """Trackers that get the rows too; each is an extra to install:
    compound-scaling[mlflow]."""

    @property
    def retry_limits(self) -> RetryLimits:
        """`retries` written out; a number limits `error`."""
        retries = self.retries
        return RetryLimits(error=retries) if isinstance(retries, int) else retries


class StudySpec(_Common):
    """A study: search on the small baseline, verdict, then the scaled family."""

    kind: Literal["study"]
    """A search for alpha, beta and gamma, a verdict, and a family."""
    search: Annotated[Search, BeforeValidator(without_surface)] = Search()
    """The search on the small baseline at phi 1."""
    family: Family = Family()
    """The scaled networks that are trained after the search."""
    gate: Gate = Gate()
    """A check at a larger scale before the family."""
    resources: Placement = Placement()
    """CPUs, GPUs and workers of the jobs."""

    @model_validator(mode="before")
    @classmethod
    def _search_inherits_train(cls, spec: Any, info: ValidationInfo) -> Any:
        if not isinstance(spec, dict):
            return spec
        search, train = spec.get("search", {}), spec.get("train", {})
        if not both_maps(search, train) or not isinstance(search.get("train", {}), dict):
            return spec
        inherited = merged(train, search.get("train", {}))
        former = {"recipe_check": False} if info.context == STORED else {}
        return {**spec, "search": {**former, **search, "train": inherited}}

    @property
    def phis(self) -> tuple[float, ...]:
        """Every phi that a scaled network is trained at."""
        return self.family.phi

    @property
    def ways(self) -> tuple[Way, ...]:
        """The ways of scaling that are trained at every phi, the choice first."""
        return "choice", *(way for way in self.family.along if way != "choice")

    @property
    def phi_key(self) -> str:
        """The key of the spec that names them."""
        return "family.phi"

    @property
    def first_recipe(self) -> Recipe:
        """The recipe of the first jobs: the search's."""
        return self.search.train

    @property
    def first_resources(self) -> Resources:
        """The resources of the first jobs: the search's."""
        return self.resources.search

    @property
    def family_resources(self) -> Resources:
        """The resources of a job that trains a scaled network."""
        return self.resources.family

    @property
    def family_seeds(self) -> int:
        """Seeds of each scaled network."""
        return self.family.seeds

    @property
    def gated(self) -> bool:
        """Whether a gate comes before the family."""
        return self.gate.mode != "off"

    @property
    def stops_at_gate(self) -> bool:
        """Whether the family is left out where the gate closes."""
        return self.gate.mode == "stop"

    @property
    def phases(self) -> dict[Phase, Resources]:
        """The resources of each phase's jobs; the gate trains as the search."""
        gate: dict[Phase, Resources] = {"gate": self.resources.search} if self.gated else {}
        family: dict[Phase, Resources] = {"family": self.resources.family} if self.phis else {}
        return {"search": self.resources.search, **gate, **family}


class TrainSpec(_Common):
    """One scaled variant: the baseline at given coefficients and phi, trained over seeds."""

    kind: Literal["train"]
    """The training of one network."""
    coefficients: Coefficients = Coefficients()
    """Multipliers of depth, width and resolution at phi 1."""
    phi: Phi = 1.0
    """The scaling step: depth is multiplied by alpha^phi, width by beta^phi, resolution by
    gamma^phi."""
    weights: Weights | None = None
    """What training starts from: weights of exactly the network that is scaled here."""
    seeds: Annotated[int, Field(ge=1, le=1000)] = 1
    """Trainings of the network, each from another seed."""
    resources: Resources = Resources()
    """CPUs, GPUs and workers of each job."""

    @property
    def search(self) -> None:
        """None: it trains what it is given."""

    @property
    def phis(self) -> tuple[float, ...]:
        """Every phi that a scaled network is trained at: one."""
        return (self.phi,)

    @property
    def ways(self) -> tuple[Way, ...]:
        """The ways of scaling: by its coefficients."""
        return ("choice",)

    @property
    def phi_key(self) -> str:
        """The key of the spec that names it."""
        return "phi"

    @property
    def first_recipe(self) -> Recipe:
        """The recipe of the first jobs."""
        return self.train

    @property
    def first_resources(self) -> Resources:
        """The resources of the first jobs."""
        return self.resources

    @property
    def family_resources(self) -> Resources:
        """The resources of a job that trains a scaled network."""
        return self.resources

    @property
    def family_seeds(self) -> int:
        """Seeds of the scaled network."""
        return self.seeds

    @property
    def gated(self) -> bool:
        """Whether a gate comes before the family: never."""
        return False

    @property
    def stops_at_gate(self) -> bool:
        """Whether a gate may end it: never."""
        return False

    @property
    def phases(self) -> dict[Phase, Resources]:
        """The resources of each phase's jobs."""
        return {"train": self.resources}


AnySpec = StudySpec | TrainSpec
"""Every kind of spec. A new kind joins this union."""
Spec = Annotated[AnySpec, Field(discriminator="kind")]
SPEC: TypeAdapter[AnySpec] = TypeAdapter(Spec)
