"""A plan as a file: what was planned is what runs, or the run is refused.

The file is sealed like the store's documents, so an edit by hand shows. It remembers the spec as
resolved, where it was read from, and a hash of the program that planned.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from compound.jobs.regular_file import open_output, read_document
from compound.jobs.store.format.checksummed_json import seal, unseal
from compound.jobs.wording.os_errors import refused_as
from compound.orchestrator.spec.load import SpecFile, load
from compound.orchestrator.spec.yaml_source import parse
from compound.orchestrator.wording.commands import command
from compound.schemas.architecture import Network
from compound.schemas.base import Model
from compound.schemas.baseline import FactoryBaseline
from compound.schemas.data import DataInfo
from compound.schemas.errors import PlanError, StoreError
from compound.schemas.forecast import Forecast, Placed
from compound.schemas.machine.device import DeviceProfile
from compound.schemas.plan import AnyPlan, Plan, Variant
from compound.schemas.study import Spec

_ROOT = Path(__file__).parents[2]
_LAYERS = ("schemas", "jobs", "cluster", "orchestrator")
_LISTED_CHANGES = 3


class PlanFile(Model):
    """Everything that `compound run --plan` needs, and what must not have changed since."""

    spec: Spec
    path: str
    """The spec file, relative to the plan's folder, so that both can move together."""
    text: str
    """The spec file as it was read."""
    overrides: tuple[str, ...]
    program: str
    """Hash of the program's source."""
    profile: DeviceProfile
    search: Plan | None
    variant: Variant | None
    forecast: Forecast

    @property
    def plan(self) -> AnyPlan:
        """The plan itself."""
        plan = self.search or self.variant
        assert plan is not None
        return plan


def write(path: Path, plan_file: PlanFile) -> None:
    """Write a plan; a file that is there already is replaced. PlanError: it cannot be written."""
    try:
        with open_output(path) as file:
            file.write(seal("planfile", plan_file, "", indent=1))
    except OSError as error:
        raise refused_as(PlanError, "cannot write", path, error) from None


def read(path: Path) -> PlanFile:
    """Read a plan. PlanError: not readable, no plan, or changed since it was written."""
    try:
        return unseal(read_document(path), PlanFile, str(path), None)
    except OSError as error:
        raise refused_as(PlanError, "cannot read", path, error) from None
    except StoreError as error:
        raise PlanError(
            f"this is no plan, or it was changed after it was written ({error.message})",
            where=str(path),
            next_step=command("plan", ("SPEC",), output=path),
        ) from None


def check(plan_file: PlanFile, path: Path) -> SpecFile:
    """Return the spec that a plan was made from; without its file, the plan's own copy is taken.

    PlanError: the program or the spec has changed since.
    """
    source = path.parent / plan_file.path
    remedy = _again(plan_file, path)
    if plan_file.program != program_hash():
        raise PlanError(
            "the program has changed since this was planned", where=str(path), next_step=remedy
        )
    if not source.exists():
        return SpecFile(plan_file.spec, parse(plan_file.text, plan_file.path))
    file = load(source, plan_file.overrides)
    was, now = plan_file.spec.model_dump(mode="json"), file.spec.model_dump(mode="json")
    if changed := list(differences(was, now)):
        more = (
            f" and {len(changed) - _LISTED_CHANGES} more" if len(changed) > _LISTED_CHANGES else ""
        )
        listed = ", ".join(changed[:_LISTED_CHANGES])
        raise PlanError(
            f"the spec has changed since this was planned: {listed}{more}",
            where=str(source),
            next_step=remedy,
        )
    return file


def check_data(plan_file: PlanFile, current: DataInfo, path: Path) -> None:
    """Refuse a plan whose data are no longer what they were. PlanError says in what."""
    was, now = (
        info.model_dump(mode="json", exclude={"ledger"}) for info in (plan_file.plan.data, current)
    )
    if was["fingerprint"] != now["fingerprint"]:
        changed = ", ".join(list(differences(was, now))[:_LISTED_CHANGES])
        raise PlanError(
            f"the data have changed since this was planned: {changed}",
            where=str(path),
            next_step=_again(plan_file, path),
        )


def check_network(plan_file: PlanFile, current: Network, path: Path) -> None:
    """Refuse a plan whose baseline is another network by now: a factory was edited. PlanError."""
    if plan_file.plan.baseline.id != current.id:
        raise PlanError(
            "the baseline builds another network than was planned",
            where=str(path),
            next_step=_again(plan_file, path),
        )


def check_devices(plan_file: PlanFile, current: Sequence[Placed], path: Path) -> None:
    """Refuse a plan where a phase would train on another kind of device than was planned.

    PlanError names the phase and both kinds. A plan that was written before phases had their
    resources in it is run.
    """
    was = {phase.phase: phase for phase in plan_file.forecast.resources}
    for phase in current:
        planned = was.get(phase.phase)
        if planned and bool(planned.gpus) != bool(phase.gpus):
            raise PlanError(
                f"{phase.phase} jobs were planned for {_kind(planned)}, and would train on "
                f"{_kind(phase)} here{f': {phase.why}' if phase.why else ''}",
                where=str(path),
                allowed="a plan holds for one kind of device, as its times and memory do; "
                "`cluster` in the spec names the hosts to plan for",
                next_step=f"{_again(plan_file, path)}    # for this machine",
            )


def _kind(placed: Placed) -> str:
    return f"GPUs ({placed.gpus:g} a worker)" if placed.gpus else "CPUs"


def _again(plan_file: PlanFile, path: Path) -> str:
    """Return the command that plans again."""
    source, sets = path.parent / plan_file.path, plan_file.overrides
    return command("plan", (source,), sets, output=path, allow_import=_is_code(plan_file))


def _is_code(plan_file: PlanFile) -> bool:
    return isinstance(plan_file.spec.baseline, FactoryBaseline)


def differences(was: Any, now: Any, at: str = "") -> Iterator[str]:
    """Yield `key: old -> new` for every value that differs between two specs."""
    if isinstance(was, Mapping) and isinstance(now, Mapping):
        for key in {**was, **now}:
            yield from differences(was.get(key), now.get(key), f"{at}.{key}".lstrip("."))
    elif _alike(was, now):
        for index, (before, after) in enumerate(zip(was, now, strict=True)):
            yield from differences(before, after, f"{at}[{index}]")
    elif was != now:
        yield f"{at}: {_brief(was)} -> {_brief(now)}"


def _alike(was: Any, now: Any) -> bool:
    """Whether both are as many records, whose values are worth comparing one by one."""
    lists = isinstance(was, list) and isinstance(now, list) and len(was) == len(now)
    return lists and all(isinstance(entry, Mapping) for entry in (*was, *now))


def _brief(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 40 else f"{text[:37]}..."


def program_hash() -> str:
    """Return a hash of every source file of the program, tests and benchmarks left out."""
    # The source, not the version: in a checkout the version stays while the program changes.
    hashed = hashlib.sha256()
    for package in _LAYERS:
        root = _ROOT / package
        for file in sorted(root.rglob("*.py")):
            hashed.update(f"{package}/{file.relative_to(root)}\0".encode() + file.read_bytes())
    return hashed.hexdigest()
