"""The schema of a spec, walked along keys: which keys there are, and under which choices.

A location of pydantic's has a step for each key, and one for each choice among the variants of a
tagged union: `kind: study`, `source: parquet`, a baseline with `factory`. Such a tag may be spelt
as a key is, so only the schema tells them apart.
"""

from collections.abc import Iterator, Sequence
from functools import cache
from types import UnionType
from typing import Annotated, Any, NamedTuple, Union, get_args, get_origin, get_type_hints

from pydantic import AliasChoices, BaseModel, Discriminator, Tag

from compound.orchestrator.spec.value_unions import forms
from compound.orchestrator.spec.yaml_source import Key
from compound.schemas.study import Spec

_DEEPEST = 4


class Variant(NamedTuple):
    """One member of a tagged union, and what a spec writes to choose it: "`source: parquet`"."""

    annotation: Any
    choice: str


class SchemaPath(NamedTuple):
    """Keys from the top of a spec, and the choices under which they are there."""

    keys: tuple[Key, ...]
    choices: tuple[str, ...] = ()


def along(loc: Sequence[Key]) -> tuple[SchemaPath, Any]:
    """Return the keys and choices of a location of pydantic's, and the annotation that is there."""
    keys: list[Key] = []
    choices: list[str] = []
    annotation: Any = Spec
    for step in loc:
        union = variants(annotation)
        if union:
            member = union.get(str(step), Variant(annotation, ""))
            annotation = member.annotation
            choices.append(member.choice)
        elif not _names_form(annotation, step):
            annotation = _below(annotation, step)
            keys.append(step)
    return SchemaPath(tuple(keys), tuple(choices)), annotation


def _names_form(annotation: Any, step: Key) -> bool:
    """Whether a step is pydantic's name for a form of a value, and not a key or an index."""
    return bool(forms(annotation)) and isinstance(step, str)


def keys_of(loc: Sequence[Key]) -> tuple[Key, ...]:
    """Return a location of pydantic's as it is written in a spec: its keys, without tags."""
    return along(loc)[0].keys


def models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    """Yield the models that an annotation is made of, in order."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in get_args(annotation):
        yield from models_in(inner)


@cache
def all_paths() -> tuple[SchemaPath, ...]:
    """Return every key of every kind of spec, with the keys and choices that lead to it."""
    return tuple(dict.fromkeys(_paths(Spec, SchemaPath(()))))


def _paths(annotation: Any, path: SchemaPath) -> Iterator[SchemaPath]:
    union = variants(annotation)
    for member, choice in union.values():
        yield from _paths(member, SchemaPath(path.keys, (*path.choices, choice)))
    if union or len(path.keys) >= _DEEPEST:
        return
    inner = _element(annotation)
    if inner is not annotation:
        yield from _paths(inner, path)
        return
    for model in models_in(annotation):
        for name, field in _fields(model).items():
            below = SchemaPath((*path.keys, name), path.choices)
            yield below
            yield from _paths(field, below)


def variants(annotation: Any) -> dict[str, Variant]:
    """Return the members of a tagged union by their tags; nothing for any other annotation."""
    if get_origin(annotation) is Annotated:
        union, *metadata = get_args(annotation)
        for entry in metadata:
            chooser = getattr(entry, "discriminator", None)
            if chooser is not None:
                inner = chooser.discriminator if isinstance(chooser, Discriminator) else chooser
                return dict(_members(get_args(union), inner))
        return variants(union)
    if get_origin(annotation) in (Union, UnionType):
        return next(filter(None, map(variants, get_args(annotation))), {})
    return {}


def _members(members: Sequence[Any], chooser: Any) -> Iterator[tuple[str, Variant]]:
    key = chooser if isinstance(chooser, str) else chooser.__name__.lstrip("_")
    for member in members:
        tags = [entry.tag for entry in get_args(member)[1:] if isinstance(entry, Tag)]
        choices = _literals(member, key)
        for tag in tags or choices:
            choice = f"`{key}: {tag}`" if choices else _own_key(member, members)
            yield tag, Variant(member, choice)


def _literals(member: Any, key: str) -> list[str]:
    """Return the values of a key that chooses a member."""
    for model in models_in(member):
        if key in model.model_fields:
            return [v for v in get_args(model.model_fields[key].annotation) if isinstance(v, str)]
    return []


def _own_key(member: Any, members: Sequence[Any]) -> str:
    """Name a member that no key chooses by the key that it alone must have.

    "" where another member is no mapping: `workers: 2` beside `workers: {min: 2, max: 8}`.
    """
    if not all(any(models_in(choice)) for choice in members):
        return ""
    elsewhere = {key for choice in members if choice is not member for key in _required(choice)}
    return next((f"`{key}`" for key in _required(member) if key not in elsewhere), "")


def _required(member: Any) -> list[str]:
    fields = [model.model_fields.items() for model in models_in(member)][:1]
    return [name for items in fields for name, field in items if field.is_required()]


def _below(annotation: Any, step: Key) -> Any:
    """Return what a key or an index leads to; the annotation itself where a step is neither."""
    if isinstance(step, int):
        return _element(annotation)
    fields = (_old_names(model) | _fields(model) for model in models_in(annotation))
    return next((own[step] for own in fields if step in own), annotation)


def _element(annotation: Any) -> Any:
    """Return what a tuple holds; the annotation itself where it is none."""
    if get_origin(annotation) is Annotated:
        inner = get_args(annotation)[0]
        return _element(inner) if get_origin(inner) is tuple else annotation
    return get_args(annotation)[0] if get_origin(annotation) is tuple else annotation


@cache
def _fields(model: type[BaseModel]) -> dict[str, Any]:
    """Return the annotations of a model's fields, with what is said about unions in them."""
    hints = get_type_hints(model, include_extras=True)
    return {name: hints[name] for name in model.model_fields}


@cache
def _old_names(model: type[BaseModel]) -> dict[str, Any]:
    """Return the annotations of fields by the names that older specs have for them."""
    aliases = {name: field.validation_alias for name, field in model.model_fields.items()}
    return {
        str(old): _fields(model)[name]
        for name, alias in aliases.items()
        if isinstance(alias, AliasChoices)
        for old in alias.choices
    }
