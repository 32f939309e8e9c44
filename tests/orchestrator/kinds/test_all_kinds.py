"""Every kind of spec has its row, and specs and plans answer the same questions."""

from typing import get_args

import pytest

from compound.orchestrator.kinds.all_kinds import KINDS
from compound.schemas.plan import Plan, Variant
from compound.schemas.study import Spec, StudySpec, TrainSpec

SPECS = get_args(get_args(Spec)[0])


def test_every_kind_of_spec_has_a_row() -> None:
    assert {get_args(spec.model_fields["kind"].annotation)[0] for spec in SPECS} == KINDS.keys()


@pytest.mark.parametrize("pair", [(StudySpec, TrainSpec), (Plan, Variant)])
def test_both_kinds_answer_the_same_questions(pair: tuple[type, type]) -> None:
    def answers(kind: type) -> set[str]:
        return {name for name, value in vars(kind).items() if isinstance(value, property)}

    first, second = pair
    only = answers(first) ^ answers(second)
    fields = {*first.model_fields, *second.model_fields}  # type: ignore[attr-defined]
    assert only <= fields


def test_answers_are_not_stored() -> None:
    assert not {"phis", "phases", "gated", "first_recipe"} & StudySpec.model_fields.keys()
    assert not {"search", "variant", "kind", "trained"} & Plan.model_fields.keys()
