"""A spec whose command means the same in any folder."""

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from compound.orchestrator.spec.load import SpecFile

_PATHS = (
    ("store",),
    *(("data", name) for name in ("path", "validation_path", "test_path", "image_root")),
)
"""Keys with paths that are relative to the folder in which a command runs."""


def anywhere(file: SpecFile) -> SpecFile:
    """Return a spec with absolute paths of its file, its store and its data.

    A command with a relative store would begin another study where it is typed elsewhere.
    """
    path = Path(file.source.name)
    if not path.is_file():
        return file
    settings = {keys: f"{'.'.join(keys)}={value}" for keys, value in _moved(file)}
    source = replace(file.source, name=str(path.resolve()))
    return replace(file, source=source, overrides={**file.overrides, **settings})


def _moved(file: SpecFile) -> Iterator[tuple[tuple[str, ...], str]]:
    """Yield the keys whose values are not written as absolute paths, with these."""
    for keys in _PATHS:
        value: Any = file.spec
        for key in keys:
            value = getattr(value, key, None)
        if isinstance(value, str) and "://" not in value and not _is_written(file, keys, value):
            yield keys, os.path.abspath(value)


def _is_written(file: SpecFile, keys: tuple[str, ...], value: str) -> bool:
    """Whether the spec, or a setting of this key, has the absolute path itself."""
    written: Any = file.source.values
    for key in keys:
        written = written.get(key) if isinstance(written, dict) else None
    return os.path.isabs(value) and (written == value or keys in file.overrides)
