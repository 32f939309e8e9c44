"""The spec that a run carries out."""

from dataclasses import replace
from pathlib import Path

from compound.orchestrator.cli.printing.output import note
from compound.orchestrator.plan import plan_file
from compound.orchestrator.spec.load import SpecFile, load
from compound.orchestrator.wording.commands import command
from compound.schemas.errors import SpecError


def source(path: Path | None, overrides: list[str], plan: Path | None) -> SpecFile:
    """Return the spec to run, with a store that lasts."""
    return _with_lasting_store(_source(path, overrides, plan))


def _source(path: Path | None, overrides: list[str], plan: Path | None) -> SpecFile:
    """Return the spec named, or the one that a plan was made from."""
    if plan is None and path is not None:
        return load(path, overrides)
    if plan is None or path is not None or overrides:
        raise SpecError(
            "`run` takes either a spec, with `--set` where needed, or a plan",
            next_step=command("run", (path or "SPEC",), overrides)
            if plan is None or path is not None
            else command("run", plan=plan),
        )
    return plan_file.check(plan_file.read(plan), plan)


def _with_lasting_store(file: SpecFile) -> SpecFile:
    # Ray unpacks a submitted job's working_dir below runtime_resources, and may delete it
    # after the job. Only there another store is needed, so only there Ray is imported.
    if "runtime_resources" not in Path.cwd().parts:
        return file
    from compound.cluster.ray_jobs import lasting

    store = lasting(file.spec.store)
    if store != file.spec.store:
        note(f"store: {store} (a submitted job's own folder does not last)")
    return replace(file, spec=file.spec.model_copy(update={"store": store}))
