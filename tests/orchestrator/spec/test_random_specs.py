"""Random specs: each is taken, or refused with a sentence; with COMPOUND_LONG=1 100,000 of them."""

import os
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compound.jobs.wording.printable import printable
from compound.orchestrator.spec.load import checked, load
from compound.orchestrator.spec.yaml_source import Source
from compound.schemas.errors import CompoundError, SpecError
from tests.support.random_specs import at, bases, places, random_text, random_values

SHARE = 1000 if os.environ.get("COMPOUND_LONG") else 1
SEEDS = st.integers(0, 2**40)
SPEC_TEXT = """\
kind: study
name: g
data: {{source: digits}}
baseline: {{resolution: 8, stages: [{{channels: 8}}]}}
resources: {{search: {{gpus: {}}}}}
"""


def refused_or_taken(spec: Callable[[], object]) -> None:
    """Call what reads a spec. It may raise an error with words, and nothing else."""
    try:
        spec()
    except CompoundError as error:
        assert error.message and error.where and error.exit_code == 2
        assert len(str(error)) < 12_000
        assert "\x1b" not in printable(str(error))


@settings(max_examples=80 * SHARE, deadline=None)
@given(SEEDS)
def test_values(seed: int) -> None:
    values = random_values(seed)
    refused_or_taken(lambda: checked(values, Source("spec.yaml", ""), {}, os.environ))


@settings(max_examples=20 * SHARE, deadline=None)
@given(SEEDS)
def test_texts(tmp_path_factory, seed: int) -> None:
    path: Path = tmp_path_factory.getbasetemp() / "spec.yaml"
    path.write_bytes(random_text(seed))
    refused_or_taken(lambda: load(path))


HUGE = (10**250, 10**309, 10**399, -(10**399), 2**4000)


@pytest.mark.parametrize("number", HUGE, ids=lambda number: f"{number.bit_length()} bits")
def test_no_number_of_a_spec_is_too_large_to_be_refused(number: int) -> None:
    for base in bases():
        for path in places(base):
            values = deepcopy(base)
            at(values, path[:-1])[path[-1]] = number
            refused_or_taken(lambda v=values: checked(v, Source("spec.yaml", ""), {}, os.environ))


@pytest.mark.parametrize("gpus", ["9" * 399, "0x" + "f" * 300, "-1" + "_000" * 200])
@pytest.mark.parametrize("setting", [True, False], ids=["set", "written"])
def test_a_number_beyond_floats_is_blamed_on_its_line(
    tmp_path: Path, gpus: str, setting: bool
) -> None:
    path = tmp_path / "spec.yaml"
    path.write_text(SPEC_TEXT.format("1" if setting else gpus))
    with pytest.raises(SpecError, match=r"too large: a number of \d+ digits") as caught:
        load(path, [f"resources.search.gpus={gpus}"] if setting else [])
    assert caught.value.where.startswith("--set" if setting else f"{path}:5:28")
