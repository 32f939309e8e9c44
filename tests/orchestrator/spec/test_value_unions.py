"""A value that may have several forms: whatever is wrong with it is one mistake, in plain words."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from compound.orchestrator.spec.load import load
from compound.orchestrator.spec.schema_paths import models_in, variants
from compound.orchestrator.spec.value_unions import forms
from compound.schemas.errors import SpecError
from compound.schemas.study import Spec

HEAD = "kind: study\nname: x\nbaseline: {name: resnet-18}\n"

UNIONS = {
    "learning_rate": ("data: {source: digits}\ntrain: {learning_rate: VALUE}", "auto"),
    "norm_batch": ("data: {source: digits}\ntrain: {norm_batch: VALUE}", "worker"),
    "white": ("data: {source: parquet, path: x, white: VALUE}", "auto"),
}
"""Every value of a spec that may have several forms, where it stands, and a word that it may be."""
ALLOWED = {
    "learning_rate": "a number above 0 up to 100, or auto",
    "norm_batch": "a whole number from 2 up to 1,000,000, or worker or global",
    "white": "a number above 0, or auto",
}
WRONG = ("-1", "0", "-1.5", "other", "[1]", "{a: 1}", "null", "false", ".nan", ".inf")


def unions(model: type[BaseModel], seen: set[type[BaseModel]]) -> Iterator[str]:
    """Yield the names of fields, at any depth, whose values may have several forms."""
    for name, field in model.model_fields.items():
        annotation: Any = field.rebuild_annotation()
        if forms(annotation) and not variants(annotation):
            yield name
        for inner in models_in(annotation):
            if inner not in seen:
                seen.add(inner)
                yield from unions(inner, seen)


def refused(path: Path, text: str) -> SpecError:
    path.write_text(HEAD + text)
    with pytest.raises(SpecError) as caught:
        load(path)
    return caught.value


def test_every_union_of_the_schema_is_here() -> None:
    seen: set[type[BaseModel]] = set()
    named = {name for model in models_in(Spec) for name in unions(model, seen)}
    assert named == {*UNIONS} == {*ALLOWED}


@pytest.mark.parametrize("value", WRONG)
@pytest.mark.parametrize("name", UNIONS)
def test_a_wrong_value_is_one_mistake(name: str, value: str, tmp_path: Path) -> None:
    error = refused(tmp_path / "x.yaml", UNIONS[name][0].replace("VALUE", value))
    assert name in str(error.args[0]) and error.allowed == ALLOWED[name]
    for word in ("constrained", "literal", "float", "int", "other mistake", "input should"):
        assert word not in str(error)
    assert error.where.startswith(str(tmp_path / "x.yaml:"))


@pytest.mark.parametrize("name", UNIONS)
def test_a_similar_word_is_proposed(name: str, tmp_path: Path) -> None:
    text, word = UNIONS[name]
    error = refused(tmp_path / "x.yaml", text.replace("VALUE", f"{word}s"))
    assert error.args[0] == f"no such {name}: '{word}s', did you mean '{word}'?"


def test_other_mistakes_are_counted_beside_it(tmp_path: Path) -> None:
    text = "data: {source: digits}\ntrain: {learning_rate: 1.0e+6, norm_batch: 1, epochs: 0}"
    error = refused(tmp_path / "x.yaml", text)
    assert "(2 other mistakes in this spec)" in error.args[0]
    one = refused(tmp_path / "x.yaml", text.replace("norm_batch: 1, epochs: 0", "epochs: 1"))
    assert one.args[0] == "learning_rate: 1e+06 is not allowed"
