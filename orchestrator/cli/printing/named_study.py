"""A study as it is named on a command line: by its name in a store, or by its spec."""

import os
import shlex
from pathlib import Path

from compound.jobs.store.artifacts import ArtifactStore
from compound.jobs.store.format.schema_version import MARKER
from compound.orchestrator.cli.printing.command_line import DEFAULT_STORE
from compound.orchestrator.losses.study_losses import checkable_jobs, study_folder, unknown_study
from compound.orchestrator.records.documents import Documents, documents
from compound.schemas.errors import NoStoreError, SpecError
from compound.schemas.store_uri import masked

_ABOVE = 3
"""Folders above the working folder in which a store of the same name is looked for."""


def find(study: str, uri: str | None) -> tuple[ArtifactStore, Documents]:
    """Return a study of a store; `study` is its name, or the path of its spec.

    Raises StoreError: there is no such store, or no such study in it; SpecError: a spec, and
    another store than its own.
    """
    study, store = opened(study, uri)
    folder = study_folder(store, study)
    stored = documents(folder) if folder else None
    if stored is None:
        raise unknown_study(study, store)
    return store.knowing(study), stored


def checked(study: str, uri: str | None) -> tuple[str, ArtifactStore, list[str]]:
    """Return a study's name, its store and its planned jobs, however damaged it is."""
    study, store = opened(study, uri)
    jobs = checkable_jobs(store, study)
    if jobs is None:
        raise unknown_study(study, store)
    return study, store, jobs


def opened(study: str, uri: str | None) -> tuple[str, ArtifactStore]:
    """Return a study's name, and the store that it is looked for in."""
    if is_spec(study):
        from compound.orchestrator.spec.load import load  # a parser that a name need not wait for

        spec = load(Path(study)).spec
        if uri is not None and uri.rstrip("/") != spec.store.rstrip("/"):
            raise SpecError(
                f"--store {masked(uri)} has no effect: {study} names its own store, {spec.store}",
                allowed="a spec, or the name of a study with `--store`",
            )
        study, uri = spec.name, spec.store
    try:
        return study, ArtifactStore.open(uri or DEFAULT_STORE, create=False)
    except NoStoreError as error:
        if near := _store_near(uri or DEFAULT_STORE):
            error.next_step = f"add --store {near}, the store that is near, or go to its folder"
        raise


def _store_near(uri: str) -> str:
    """Return where a store of this name lies in folders above and below this one; "" nowhere."""
    if os.path.isabs(uri) or "://" in uri:
        return ""
    stores = [f"{'../' * up}{uri}" for up in range(1, _ABOVE + 1)]
    with os.scandir() as entries:
        stores += sorted(f"{entry.name}/{uri}" for entry in entries if entry.is_dir())
    stores = [store for store in stores if os.path.isfile(f"{store}/{MARKER}")]
    return shlex.quote(stores[0]) if stores else ""


def is_spec(study: str) -> bool:
    """Whether that is the path of a spec, and not a study's name, which has no dots."""
    return study.endswith((".yaml", ".yml"))
