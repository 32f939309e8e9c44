"""`compound retry`: train a study's failed jobs again."""

from dataclasses import replace
from pathlib import Path

from compound.jobs.store.artifacts import ArtifactStore
from compound.orchestrator.cli import run
from compound.orchestrator.cli.options import DEFAULT_STORE
from compound.orchestrator.cli.printing.output import note, print_json
from compound.orchestrator.cli.status import find, is_spec
from compound.orchestrator.records.documents import Documents
from compound.orchestrator.spec.load import SpecFile
from compound.orchestrator.spec.yaml_source import parse
from compound.orchestrator.wording.numbers import counted


def retry(study: str, uri: str | None, options: run.Options) -> None:
    """Run a study again with its failed jobs; `study` is its name in a store, or its spec.

    Raises StoreError: there is no such store, or no such study in it.
    """
    store, stored = find(study, uri)
    failed = _failed(store, stored)
    name = stored.record.spec.name
    if not failed:
        note(f"no job of study {name} has failed: nothing to retry")
        if options.as_json:
            print_json({"study": name, "store": store.uri, "status": "done", "failed": 0})
        return
    note(f"retrying {counted(failed, 'failed job')}")
    if is_spec(study):
        run.run(Path(study), [], options)
        return
    file = _stored_spec(store, stored)
    resume = options.retry(name, uri or DEFAULT_STORE, is_code=file.is_code)
    run.run_file(file, replace(options, resume=resume))


def _failed(store: ArtifactStore, stored: Documents) -> int:
    results = store.results([job.request.job.id for job in stored.jobs])
    return sum(result.status == "failed" for result in results.values())


def _stored_spec(store: ArtifactStore, stored: Documents) -> SpecFile:
    """Return the spec as the store keeps it: what it came to, with the text that it came from."""
    spec = stored.record.spec.model_copy(update={"store": store.uri})
    return SpecFile(spec, parse(stored.record.text, stored.record.spec.name))
