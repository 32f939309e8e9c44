"""The JSON Schema of specs, each key with the text that stands beneath it in its class."""

import ast
import inspect
import sys
from collections.abc import Iterator, Mapping
from functools import cache
from itertools import pairwise
from types import ModuleType
from typing import Any, get_args

from pydantic import BaseModel

from compound.schemas.study import SPEC, AnySpec

Schema = dict[str, Any]


def described_schema() -> Schema:
    """Return the JSON Schema of all specs, with a description of every key."""
    schema = SPEC.json_schema()
    models = {model.__name__: model for model in models_of(AnySpec)}
    for name, definition in schema["$defs"].items():
        _describe(definition["properties"], key_texts(models[name]))
    return schema


def _describe(properties: Mapping[str, Schema], texts: Mapping[str, str]) -> None:
    for key, text in texts.items():
        if key in properties:
            properties[key].setdefault("description", text)


def models_of(annotation: Any) -> Iterator[type[BaseModel]]:
    """Yield the models in an annotation, and those in their fields; some more than once."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
        for field in annotation.model_fields.values():
            yield from models_of(field.annotation)
    for part in get_args(annotation):
        yield from models_of(part)


def key_texts(model: type[BaseModel]) -> dict[str, str]:
    """Return what the class and its bases say of each field."""
    texts: dict[str, str] = {}
    for base in reversed(model.__mro__):
        if issubclass(base, BaseModel) and base is not BaseModel:
            texts |= _texts_of(sys.modules[base.__module__]).get(base.__name__, {})
    return texts


# pydantic's use_attribute_docstrings reads the sources whenever a model is imported, which adds a
# third to the time of the import.
@cache
def _texts_of(module: ModuleType) -> dict[str, dict[str, str]]:
    """Return the texts beneath the fields of each class of a module."""
    classes = [c for c in ast.parse(inspect.getsource(module)).body if isinstance(c, ast.ClassDef)]
    return {node.name: dict(_field_texts(node)) for node in classes}


def _field_texts(node: ast.ClassDef) -> Iterator[tuple[str, str]]:
    for field, text in pairwise(node.body):
        match field, text:
            case (
                ast.AnnAssign(target=ast.Name(id=name)),
                ast.Expr(value=ast.Constant(value=str(words))),
            ):
                yield name, " ".join(words.split())
