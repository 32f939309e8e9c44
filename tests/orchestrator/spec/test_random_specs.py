"""Random specs: each is taken, or refused with a sentence; with COMPOUND_LONG=1 100,000 of them."""

import os
from collections.abc import Callable
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from compound.orchestrator.spec.load import checked, load
from compound.orchestrator.spec.yaml_source import Source
from compound.orchestrator.wording.printable import printable
from compound.schemas.errors import CompoundError
from tests.support.random_specs import random_text, random_values

SHARE = 1000 if os.environ.get("COMPOUND_LONG") else 1
SEEDS = st.integers(0, 2**40)


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
