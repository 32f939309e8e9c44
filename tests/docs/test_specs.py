"""Specs in pages, whole ones and parts of one, are valid."""

import io
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from compound.orchestrator.spec.load import load
from tests.support.pages import Block, blocks, pages

SPECS = [b for page in pages() for b in blocks(page) if b.language == "yaml"]
STUDY = """\
kind: study
name: part
data: {source: digits}
baseline: {resolution: 8, stages: [{channels: 8}]}
"""
"""What a part of a spec is put into."""


def whole(text: str) -> dict[str, Any]:
    """Return a spec; a part with what it lacks."""
    yaml = YAML(typ="safe", pure=True)
    part = yaml.load(text)
    return part if "kind" in part else yaml.load(STUDY) | part


@pytest.mark.parametrize("block", SPECS, ids=lambda block: block.place)
def test_a_spec_of_a_page_is_valid(block: Block, tmp_path: Path) -> None:
    written = io.StringIO()
    YAML(typ="safe", pure=True).dump(whole(block.text), written)
    spec = tmp_path / "spec.yaml"
    spec.write_text(written.getvalue())
    assert load(spec).spec.name


def test_there_are_specs() -> None:
    assert len(SPECS) > 15
