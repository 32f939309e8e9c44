"""The text of a first spec: the same values when it is read again, a comment on each line."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML

from compound.orchestrator.first_spec.commented_yaml import WIDTH, commented_yaml, meaning
from compound.orchestrator.first_spec.draft import Draft
from compound.orchestrator.first_spec.first_network import ladder
from compound.orchestrator.first_spec.study_size import Available, smallest
from compound.schemas.data import ImageFolderData
from compound.schemas.study import SPEC

AVAILABLE = Available(ladder(64), 500, 200)


def draft(path: str = "photos") -> Draft:
    data = ImageFolderData(source="image_folder", path=path, channels=3, validation=0.3)
    return Draft("photos", data, AVAILABLE, smallest(AVAILABLE), flip=True)


def read(text: str) -> Any:
    return YAML(typ="safe", pure=True).load(text)


def test_every_line_explains_itself() -> None:
    first = draft()
    text = commented_yaml(first.values(), first.spec(), {"data": ""}, ["head"])
    lines = text.splitlines()
    assert lines[0] == "# head"
    bare = [line for line in lines if "#" not in line and not line.endswith(":")]
    assert not [line for line in bare if not line.strip().startswith("- ")]
    assert read(text) == first.values()
    assert SPEC.validate_python(read(text)) == first.spec()


@given(comment=st.text(st.characters(categories=("L", "N", "P", "Zs")), max_size=300))
def test_long_comments_go_on_below(comment: str) -> None:
    first = draft()
    text = commented_yaml(first.values(), first.spec(), {"name": comment}, [comment])
    assert read(text) == first.values()
    words = max(map(len, comment.split()), default=0)
    assert all(len(line) <= WIDTH or words > 40 for line in text.splitlines() if "#" in line)


@given(name=st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1, max_size=60))
def test_paths_of_any_letters_are_read_again(name: str) -> None:
    values = {"data": {"path": name}, "name": "x"}
    assert read(commented_yaml(values, draft().spec(), {}, [])) == values


def test_keys_without_a_comment_say_what_their_class_says() -> None:
    spec = draft().spec()
    assert meaning(spec, "train.batch").startswith("images per optimiser step")
    assert meaning(spec, "data.source") == "a folder for each class"
    assert meaning(spec, "data.nothing") == ""
