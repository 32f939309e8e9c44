"""A spec file, with the overrides of the command line, to a validated StudySpec or TrainSpec."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, get_args

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from compound.orchestrator.spec.booleans import booleans_as_numbers
from compound.orchestrator.spec.spec_messages import allowed, chooser, label, message_of, way_out
from compound.orchestrator.spec.yaml_source import Key, Position, Source, parse, read
from compound.schemas.errors import CompoundError, SpecError
from compound.schemas.parallel import OTHER_NAMES
from compound.schemas.store_uri import ENVIRONMENT, masked
from compound.schemas.study import SPEC, AnySpec


@dataclass(frozen=True)
class SpecFile:
    """A valid spec, and the text that it was read from."""

    spec: AnySpec
    source: Source
    overrides: Mapping[tuple[str, ...], str] = field(default_factory=dict)
    """The `--set` texts by the keys that they replace."""

    def explain(self, error: CompoundError) -> CompoundError:
        """Return the error with its dotted key, if it names one, turned into file:line:col."""
        steps = error.where.split(".")
        if steps[0] not in type(self.spec).model_fields:
            return error
        position = _origin(steps, self.overrides) or self.source.locate(steps)
        parts = {**vars(error), **position._asdict()}
        message = parts.pop("message")
        return type(error)(message, **parts)


_KINDS = {
    kind for spec in get_args(AnySpec) for kind in get_args(spec.model_fields["kind"].annotation)
}


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
        raise SpecError(
            "a spec is a mapping of keys to values",
            where=str(path),
            next_step="compound init quickstart.yaml",
        )
    values: Any = source.values
    origins: dict[tuple[str, ...], str] = {}
    for text in overrides:
        keys, value = _override(text)
        values = _put(values, keys, value, text)
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
        raise SpecError(message, **position._asdict(), allowed="a number")
    return SpecFile(spec, source, origins)


def _override(text: str) -> tuple[tuple[str, ...], Any]:
    """Split `a.b=value` into its keys and its value, read as YAML."""
    dotted, equals, value = text.partition("=")
    keys = tuple(dotted.strip().split("."))
    if not equals or not all(keys):
        raise SpecError("not an override", where=f"--set {text}", allowed="--set a.b.c=value")
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
        raise SpecError(f"{keys[0]} lies inside a plain value", where=f"--set {text}")
    rest = {key: old for key, old in (values or {}).items() if key != OTHER_NAMES.get(keys[0])}
    return {**rest, keys[0]: _put(rest.get(keys[0]), keys[1:], value, text)}


def _translate(
    error: ValidationError, source: Source, origins: Mapping[tuple[str, ...], str]
) -> SpecError:
    """Turn pydantic's first finding into what, where, and what is allowed."""
    details = min(error.errors(include_url=False), key=lambda e: e["type"] == "missing")
    path = [*_without_kind(details["loc"]), *_discriminator(details)]
    position = _origin(path, origins) or source.locate(
        path, key=details["type"] == "extra_forbidden"
    )
    more = error.error_count() - 1
    message = message_of(details) + (f" (and {more} more)" if more else "")
    return SpecError(
        message, **position._asdict(), allowed=allowed(details), next_step=way_out(details)
    )


def _without_kind(loc: tuple[Key, ...]) -> tuple[Key, ...]:
    """Drop the tag of the outermost union, which could be taken for the key `train`."""
    return loc[1:] if loc[:1] and loc[0] in _KINDS else loc


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
