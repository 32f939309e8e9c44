"""Every key of a spec with values of every wrong kind: plain words, and an edit that helps."""

import re
from collections.abc import Iterator, Sequence
from copy import deepcopy
from typing import Any

import pytest
from ruamel.yaml import YAML

from compound.orchestrator.spec.load import checked
from compound.orchestrator.spec.schema_paths import all_paths
from compound.orchestrator.spec.yaml_source import Source
from compound.schemas.errors import SpecError

STUDY = {"kind": "study", "name": "x", "data": {"source": "digits"}}
OWN = {"resolution": 16, "stages": [{"channels": 8}]}
SPECS: tuple[dict[str, Any], ...] = (
    {**STUDY, "baseline": {"name": "resnet-18"}},
    {
        **STUDY,
        "baseline": OWN,
        "data": {"source": "parquet", "path": "x"},
        "search": {"design": {"kind": "grid"}, "promotion": {"kind": "rungs"}},
        "resources": {"family": {"workers": {"min": 1, "max": 2}}},
        "retries": {"error": 1},
    },
    {
        **STUDY,
        "baseline": {"factory": "a:b", "resolution": 16},
        "data": {"source": "image_folder", "path": "x"},
        "search": {"design": {"kind": "star"}},
    },
    {
        **STUDY,
        "baseline": OWN,
        "data": {"source": "synthetic"},
        "search": {"design": {"kind": "explicit", "triples": [{"alpha": 2.0}]}},
    },
    {**STUDY, "kind": "train", "baseline": {"name": "resnet-18"}, "weights": {"path": "x"}},
)
WRONG = (-7, 10**13, 2.5, 0, "many", "12 px", [3], [], {"a": 1}, None, True, float("nan"), "no")
JARGON = re.compile(
    r"input should|constrained|tuple|dictionary|instance of|pydantic|valid integer|isinstance|"
    r"greater than or|less than or|pattern|literal|\b(?:str|int|bool)_|Traceback|"
    r"(?-i:\b(None|True|False)\b)",
    re.IGNORECASE,
)
KEYS = sorted({tuple(map(str, path.keys)) for path in all_paths()})
ADVICE = re.compile(r"(?:write|add) `(?P<key>[\w\[\]]+): (?P<value>.*?)`|take `(?P<gone>\w+)` out")


def put(values: dict[str, Any], keys: Sequence[str], value: Any) -> dict[str, Any]:
    """Return the values with one key set; above it there are mappings."""
    changed = deepcopy(values)
    above: Any = changed
    for key in keys[:-1]:
        above = above.setdefault(key, {})
        above = above[0] if isinstance(above, list) and above else above
        if not isinstance(above, dict):
            return values
    above[keys[-1]] = value
    return changed


def refusal(values: Any) -> SpecError | None:
    try:
        checked(values, Source("x.yaml", "", values), {}, None)
    except SpecError as error:
        return error
    return None


def refused(keys: Sequence[str]) -> Iterator[tuple[dict[str, Any], Any, SpecError]]:
    """Yield the first spec that knows the keys, with each wrong value and what is said of it."""
    for spec in SPECS:
        errors = [(value, refusal(put(spec, keys, value))) for value in WRONG]
        wrong = [(value, error) for value, error in errors if error is not None]
        if not all(error.message.startswith("unknown key") for _, error in wrong):
            yield from ((spec, value, error) for value, error in wrong)
            return


@pytest.mark.parametrize("top", sorted({keys[0] for keys in KEYS}))
def test_wrong_values_are_refused_in_plain_words_with_an_edit_that_helps(top: str) -> None:
    unlike: list[str] = []
    for keys in (keys for keys in KEYS if keys[0] == top):
        for spec, value, error in refused(keys):
            said = f"{'.'.join(keys)}={value!r}: {error}"
            about = str(error).replace(str(value), "")
            if JARGON.search(about) or not (error.allowed or error.next_step):
                unlike.append(said)
            elif not helps(spec, keys, error):
                unlike.append(f"the edit does not help: {said}")
    assert not unlike, f"{len(unlike)}:\n" + "\n".join(unlike[:12])


def helps(spec: dict[str, Any], keys: Sequence[str], error: SpecError) -> bool:
    """Whether the printed edit changes what is said."""
    edit = ADVICE.search(error.next_step)
    if edit is None or edit["gone"] or edit["key"] != keys[-1]:
        return True
    again = refusal(put(spec, keys, YAML(typ="safe", pure=True).load(edit["value"])))
    return again is None or again.message != error.message
