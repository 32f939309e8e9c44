"""Every key of a spec has a meaning, in editors and in docs/reference/keys.md."""

from pathlib import Path

import pytest

from compound.orchestrator.spec.described_schema import described_schema, key_texts
from compound.orchestrator.spec.key_reference import key_reference
from compound.schemas.data import DigitsData
from compound.schemas.study import StudySpec

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "keys.md"


def test_every_key_has_a_description() -> None:
    definitions = described_schema()["$defs"]
    silent = [
        f"{name}.{key}"
        for name, definition in definitions.items()
        for key, entry in definition["properties"].items()
        if not entry.get("description")
    ]
    assert len(definitions) > 30 and not silent


def test_descriptions_are_words_for_users() -> None:
    texts = [
        entry["description"]
        for definition in described_schema()["$defs"].values()
        for entry in definition["properties"].values()
    ]
    assert not [text for text in texts if "None" in text or ".py" in text or not text.endswith(".")]


def test_inherited_keys_have_the_text_of_their_class() -> None:
    assert key_texts(DigitsData)["limit"].startswith("Use only this many training images")
    assert key_texts(StudySpec)["seed"] == "The first seed; further ones count up from it."


def test_the_page_of_keys_is_current() -> None:
    assert PAGE.read_text() == key_reference(described_schema())


@pytest.mark.parametrize(
    ("key", "row"),
    [
        ("seeds", "| `seeds` | integer from 1 to 1,000 | `3` | "),
        ("level", "| `level` | number above 0.5 below 1 | `0.9` | "),
        ("area", "| `area` | list of 2: number above 0 to 1 | `[0.08, 1.0]` | "),
        ("design", "(#searchdesign-kind-explicit) | `{kind: lattice}` | "),
    ],
)
def test_a_row_gives_range_and_default(key: str, row: str) -> None:
    assert row in key_reference(described_schema()), key


def test_every_link_leads_to_a_section() -> None:
    page = key_reference(described_schema())
    headings = {line[3:] for line in page.splitlines() if line.startswith("## ")}
    anchors = {
        "".join(c for c in h if c.isalnum() or c in " -_").replace(" ", "-") for h in headings
    }
    links = {part.split(")")[0] for part in page.split("](#")[1:]}
    assert links <= anchors and len(links) > 20
    assert "sharding" not in {line.split("`")[1] for line in page.splitlines() if line[:3] == "| `"}
