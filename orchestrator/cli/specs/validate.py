"""`compound validate`: whether a run would begin, and if not, the sentence that it would say."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from compound.orchestrator.cli.printing.output import note, print_json, say
from compound.orchestrator.spec.load import SpecFile, load
from compound.orchestrator.wording.numbers import counted
from compound.schemas.errors import CompoundError

if TYPE_CHECKING:
    from compound.orchestrator.prepare import Prepared

_OWN_CODE = "the network and its jobs: the baseline is code, which `--allow-import` imports"


def validate(path: Path, overrides: list[str], *, allow_import: bool, as_json: bool) -> None:
    """Check a spec, its data, its store and this machine, as a run does before its first job.

    The first of a SpecError, DataError, StoreError, PlanError or ClusterError that a run would end
    with. JSON has it too.
    """
    try:
        file = load(path, overrides)
        try:
            checked = _checked(file, allow_import)
        except CompoundError as error:
            raise file.explain(error) from None
    except CompoundError as error:
        if as_json:
            print_json({"valid": False, "error": _error(error)})
        raise
    if as_json:
        print_json({"valid": True, "spec": file.spec.model_dump(mode="json"), **checked})
        return
    _say(path, file, checked)


def _checked(file: SpecFile, allow_import: bool) -> dict[str, Any]:
    """Return what was checked, what could not be, what to beware of, and the next command."""
    if file.is_code and not allow_import:
        return _report(file, [], [_OWN_CODE], [])
    # What plans takes half a second to import, which a mistake in the spec need not wait for.
    from compound.orchestrator.cli.parsing.allow_import import networks_for
    from compound.orchestrator.cli.printing.plan_notes import plan_warnings
    from compound.orchestrator.prepare import examine, samples
    from compound.orchestrator.refusals import refuse, unchecked

    networks = networks_for(file, "", allow_import)
    prepared = examine(file.spec, networks)
    refuse(prepared, samples(prepared, networks))
    return _report(file, _seen(prepared), unchecked(prepared), plan_warnings(prepared))


def _report(
    file: SpecFile, checked: Sequence[str], unseen: Sequence[str], warnings: Sequence[str]
) -> dict[str, Any]:
    return {
        "checked": ["the keys of the spec", *checked],
        "not_checked": [*unseen],
        "warnings": [*warnings],
        "next": file.command("plan"),
    }


def _seen(prepared: "Prepared") -> list[str]:
    """Say what was looked at beside the keys, each with its number."""
    info, forecast = prepared.plan.data, prepared.forecast
    images = f"{info.train:,} training and {info.validation:,} validation images"
    hosts = forecast.basis.hosts
    return [
        f"data: {images} of {counted(len(info.classes), 'class', 'classes')}",
        f"networks: {counted(len(prepared.plan.trained), 'network')} beside the baseline",
        f"hosts: {hosts.nodes} x ({counted(hosts.cpus, 'CPU')}, {counted(hosts.gpus, 'GPU')})",
        f"store: {prepared.spec.store}",
    ]


def _say(path: Path, file: SpecFile, checked: dict[str, Any]) -> None:
    say(f"{path}: a valid {file.spec.kind} '{file.spec.name}'")
    say(f"checked: {'; '.join(checked['checked'])}")
    for text in checked["not_checked"]:
        say(f"not checked: {text}")
    for text in checked["warnings"]:
        note(f"warning: {text}")
    say(f"next: {checked['next']}")


def _error(error: CompoundError) -> dict[str, str]:
    return {
        "message": error.message,
        "where": error.where,
        "allowed": error.allowed,
        "next": error.next_step,
    }
