"""A spec file, with the overrides of the command line, to a validated StudySpec or TrainSpec."""

import os
import re
import shlex
from collections.abc import Mapping, Sequence
from copy import copy
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from compound.orchestrator.spec.booleans import booleans_as_numbers
from compound.orchestrator.spec.schema_paths import keys_of
from compound.orchestrator.spec.spec_messages import allowed, chooser, label, message_of
from compound.orchestrator.spec.way_out import way_out
from compound.orchestrator.spec.yaml_source import Key, Position, Source, parse, read
from compound.orchestrator.wording.commands import Value, command
from compound.orchestrator.wording.numbers import counted
from compound.schemas.base import MisfitError
from compound.schemas.baseline import FactoryBaseline
from compound.schemas.errors import CompoundError, SpecError
from compound.schemas.parallel import OTHER_NAMES
from compound.schemas.store_uri import ENVIRONMENT, masked
from compound.schemas.study import SPEC, AnySpec

_PLACEHOLDER = re.compile(
    r"compound (plan|run) SPEC\b(?: --allow-import)?((?: --set (?:'[^']*'|[^\s']+)+)*)"
)
"""How an error names a command on the spec, whose file only the command line knows."""


_PATHS = ("path", "validation_path", "test_path", "image_root")
"""Keys of data that name files."""


@dataclass(frozen=True)
class SpecFile:
    """A valid spec, and the text that it was read from."""

    spec: AnySpec
    source: Source
    overrides: Mapping[tuple[str, ...], str] = field(default_factory=dict)
    """The `--set` texts by the keys that they replace."""

    @property
    def is_code(self) -> bool:
        """Whether the baseline is code of the user's own, which runs only if it is allowed."""
        return isinstance(self.spec.baseline, FactoryBaseline)

    def command(self, name: str, sets: Sequence[str] = (), /, **options: Value) -> str:
        """Return a command on this spec as it was read here, with further settings and options.

        A baseline that is code of the user's own is allowed in it.
        """
        settings = (*self.overrides.values(), *sets)
        return command(name, (self.source.name,), settings, allow_import=self.is_code, **options)

    def explain(self, error: CompoundError, **options: Value) -> CompoundError:
        """Return the error with file:line:col for its dotted key, and the spec for `SPEC`.

        `options` are those of the command to type next.
        """
        explained, steps = copy(error), error.where.split(".")
        if steps[0] in type(self.spec).model_fields:
            explained.where, explained.excerpt = self._position(steps)
        elif keys := self._named(error.where):
            explained.message = f"{error.where}: {error.message}"
            explained.where, explained.excerpt = self._position(keys)
        explained.next_step = _PLACEHOLDER.sub(
            lambda match: self.command(match[1], shlex.split(match[2])[1::2], **options),
            error.next_step,
        )
        return explained

    def _position(self, keys: Sequence[Key]) -> Position:
        return _origin(keys, self.overrides) or self.source.locate(keys)

    def _named(self, path: str) -> tuple[str, ...]:
        """Return the key of the spec that names a path, or one below or above it; () without."""
        named: dict[tuple[str, ...], str | None] = {("store",): self.spec.store}
        named |= {("data", key): getattr(self.spec.data, key, None) for key in _PATHS}
        for keys, value in named.items():
            written = self.source.has(keys) or _origin(keys, self.overrides)
            if value and written and (_lies_in(path, value) or _lies_in(value, path)):
                return keys
        return ()


def _lies_in(path: str, folder: str) -> bool:
    """Whether a path is a folder, or lies in it."""
    if "://" in path or "://" in folder:
        return path.rstrip("/") == folder.rstrip("/") or path.startswith(f"{folder.rstrip('/')}/")
    above, below = os.path.abspath(folder), os.path.abspath(path)
    return bool(path) and (above == below or below.startswith(f"{above}/"))


def load(
    path: Path,
    overrides: Sequence[str] = (),
    environment: Mapping[str, str] | None = os.environ,
) -> SpecFile:
    """Read, override and validate a spec. SpecError: the first error in it.

    `environment`: the variables that paths may name; None: paths stay as they are written.
    """
    source = read(path)
    if not isinstance(source.values, dict):
        empty = "it is empty: " if source.values is None else ""
        raise SpecError(
            f"{empty}a spec is a mapping of keys to values",
            where=str(path),
            next_step="compound init quickstart.yaml",
        )
    values: Any = source.values
    origins: dict[tuple[str, ...], str] = {}
    for text in overrides:
        keys, value = _override(text)
        values = _put(values, keys, value, text)
        origins.pop(keys, None)  # the order is that in which the settings count
        origins[keys] = text
    return checked(values, source, origins, environment)


def checked(
    values: Any,
    source: Source,
    origins: Mapping[tuple[str, ...], str],
    environment: Mapping[str, str] | None,
) -> SpecFile:
    """Validate the values of a spec; see `load`."""
    try:
        spec = SPEC.validate_python(values, context={ENVIRONMENT: environment})
    except ValidationError as error:
        raise _translate(error, source, origins) from None
    for path_to in booleans_as_numbers(values, spec):
        position = _origin(path_to, origins) or source.locate(path_to)
        message = f"{label(path_to)}: true and false are no numbers"
        raise SpecError(
            message, **position._asdict(), allowed="a number", next_step="write a number there"
        )
    return SpecFile(spec, source, origins)


def _override(text: str) -> tuple[tuple[str, ...], Any]:
    """Split `a.b=value` into its keys and its value, read as YAML."""
    dotted, equals, value = text.partition("=")
    keys = tuple(dotted.strip().split("."))
    if not equals or not all(keys):
        key = masked(dotted.strip()) or "train.epochs"
        raise SpecError(
            "not an override: it has no `=`" if not equals else "not an override",
            where=f"--set {masked(text)}",
            allowed="--set a.b.c=value",
            next_step=f"type --set {key}=VALUE",
        )
    return keys, parse(value, f"--set {text}").values


def _put(values: Any, keys: tuple[str, ...], value: Any, text: str) -> Any:
    """Return values with one nested key replaced, under whichever of its names it is there."""
    if not keys:
        return value
    if isinstance(values, list) and keys[0].isdigit() and int(keys[0]) < len(values):
        index = int(keys[0])
        changed = _put(values[index], keys[1:], value, text)
        return [*values[:index], changed, *values[index + 1 :]]
    if values is not None and not isinstance(values, dict):
        above, value = _above(keys, text), masked(text.partition("=")[2])
        raise SpecError(
            _no_such_key(values, keys, text),
            where=f"--set {masked(text)}",
            allowed=f"--set {above}=value",
            next_step=f"type --set {shlex.quote(f'{above}={value}')}",
        )
    rest = {key: old for key, old in (values or {}).items() if key != OTHER_NAMES.get(keys[0])}
    return {**rest, keys[0]: _put(rest.get(keys[0]), keys[1:], value, text)}


def _no_such_key(values: Any, keys: tuple[str, ...], text: str) -> str:
    """Say why a key cannot be set inside a value that has no keys, or not this one."""
    parent = _above(keys, text)
    if isinstance(values, list):
        return f"'{keys[0]}' is no item of '{parent}', which has {counted(len(values), 'item')}"
    return f"'{parent}' is a plain value, so it has no key '{keys[0]}'"


def _above(keys: tuple[str, ...], text: str) -> str:
    """Return the dotted key of what has no such keys."""
    return ".".join(text.partition("=")[0].strip().split(".")[: -len(keys)])


def _translate(
    error: ValidationError, source: Source, origins: Mapping[tuple[str, ...], str]
) -> SpecError:
    """Turn pydantic's first finding into what, where, and what is allowed."""
    details = min(error.errors(include_url=False), key=lambda e: e["type"] == "missing")
    path = _blamed(details, source, origins)
    position = _origin(path, origins) or source.locate(
        path, key=details["type"] == "extra_forbidden"
    )
    more = _mistakes(error) - 1
    message = message_of(details)
    message += f" ({counted(more, 'other mistake')} in this spec)" if more else ""
    names = tuple(map(str, path))
    following = way_out(details, ".".join(names) if names in origins else "")
    return SpecError(message, **position._asdict(), allowed=allowed(details), next_step=following)


def _blamed(
    details: ErrorDetails, source: Source, origins: Mapping[tuple[str, ...], str]
) -> tuple[Key, ...]:
    """Return the keys of what has to change: of several that do not fit, a setting comes first."""
    path = (*keys_of(details["loc"]), *_discriminator(details))
    misfit = details.get("ctx", {}).get("error")
    if not isinstance(misfit, MisfitError):
        return path
    paths = [(*path, *map(_step, key.split("."))) for key in misfit.keys]
    settings = [below for below in paths if _origin(below, origins)]
    written = [below for below in paths if source.has(below)]
    return next(iter([*settings, *written]), path)


def _step(text: str) -> Key:
    return int(text) if text.isdigit() else text


def _mistakes(error: ValidationError) -> int:
    """Count what a user has to correct: pydantic has several findings for one mistake.

    `search.train` repeats those of `train`, and a misspelt key is unknown under one name and
    missing under another.
    """
    keys: dict[tuple[str, ...], dict[str, set[str]]] = {}
    wrong = set[tuple[str, ...]]()
    for details in error.errors(include_url=False):
        *parents, key = map(str, _once(keys_of(details["loc"])) or ("",))
        if details["type"] in ("extra_forbidden", "missing"):
            keys.setdefault(tuple(parents), {}).setdefault(details["type"], set()).add(key)
        else:
            wrong.add((*parents, key))
    return len(wrong) + sum(max(map(len, kinds.values())) for kinds in keys.values())


def _once(loc: tuple[Key, ...]) -> tuple[Key, ...]:
    """Return where a value was written: `search.train` takes what it does not say from `train`."""
    return loc[1:] if loc[:2] == ("search", "train") else loc


def _discriminator(details: ErrorDetails) -> list[str]:
    """Return the key that chooses between the members of a union, for errors about it."""
    key = chooser(details)
    return [key] if key.isidentifier() else []


def _origin(path: Sequence[Key], origins: Mapping[tuple[str, ...], str]) -> Position | None:
    names = [str(step) for step in path]
    matches = [text for keys, text in origins.items() if _is_subsequence(keys, names)]
    return Position(f"--set {masked(matches[-1])}") if matches else None


def _is_subsequence(keys: Sequence[str], names: Sequence[str]) -> bool:
    rest = iter(names)
    return all(key in rest for key in keys)
