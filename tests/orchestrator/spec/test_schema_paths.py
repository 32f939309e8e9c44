"""A mistake below any choice of any union is blamed on its own line."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from compound.orchestrator.spec.load import load
from compound.orchestrator.spec.schema_paths import all_paths, keys_of
from compound.schemas.errors import SpecError

DATA = {
    "digits": "source: digits\nvalidation: 0.2",
    "parquet": "source: parquet\npath: x.parquet\nbuffer: 7\nchannels: 3",
    "image_folder": "source: image_folder\npath: photos\nsize: 64\nlimit: 5",
    "idx": "source: idx\npath: mnist\ntest: 0.1",
    "synthetic": "source: synthetic\nimages: 64\nnoise: 0.1\nsize: 8",
}
BASELINES = {
    "name": "name: resnet-18\nresolution: 32\npadding: same",
    "factory": "factory: 'pf:build'\nresolution: 32",
    "stages": "resolution: 32\nhead: 0\nstages:\n  - block: basic\n    channels: 8\n"
    "  - block: separable\n    kernel: 3\n    channels: 8",
}
DESIGNS = {
    "lattice": "kind: lattice\ndegree: 4",
    "grid": "kind: grid\nstep: 0.1\ntolerance: 0.2",
    "star": "kind: star\nlevels: 2",
    "explicit": "kind: explicit\ntriples:\n  - alpha: 1.2\n    beta: 1.1",
}
PROMOTIONS = {"rungs": "kind: rungs\nrungs: 2\nfactor: 4\nkeep: 0.25"}
RESOURCES = {
    "range": "family:\n  workers:\n    min: 1\n    max: 2\n  gpus: 1",
    "number": "search:\n  workers: 1\n  gpus: 0.5\n  cpus: 2",
}
RETRIES = {"limits": "error: 1\npreemption: 2"}
BLOCKS = {
    "data": DATA,
    "baseline": BASELINES,
    "search.design": DESIGNS,
    "search.promotion": PROMOTIONS,
    "resources": RESOURCES,
    "retries": RETRIES,
}
CHOICES = [(key, name) for key, blocks in BLOCKS.items() for name in blocks]
PLAIN = {"data": "source: digits", "baseline": "name: resnet-18"}


def indented(text: str, depth: int) -> list[str]:
    """Return the lines of a block, so many levels below its key."""
    return [f"{'  ' * depth}{line}" for line in text.splitlines()]


def spec_with(key: str, block: str) -> tuple[list[str], range]:
    """Return the lines of a study with a block below a key, and where the block is in them."""
    lines = ["kind: study", "name: x"]
    for other, text in PLAIN.items():
        lines += [f"{other}:", *indented(text, 1)] if other != key else []
    steps = key.split(".")
    lines += [f"{'  ' * depth}{step}:" for depth, step in enumerate(steps)]
    return [*lines, *indented(block, len(steps))], range(
        len(lines), len(lines) + len(block.splitlines())
    )


def mistaken(lines: list[str], block: range) -> Iterator[tuple[int, list[str]]]:
    """Yield the spec with one value of the block made wrong, or one unknown key before it."""
    for number in block:
        head, _, value = lines[number].partition(": ")
        if value:
            yield number, [*lines[:number], f"{head}: [[[]]]", *lines[number + 1 :]]
        if not lines[number].strip().startswith("- "):
            margin = re.match(" *", lines[number])
            assert margin
            unknown = f"{margin[0]}not_a_key: 1"
            yield number, [*lines[:number], unknown, *lines[number:]]


@pytest.mark.parametrize(("key", "name"), CHOICES, ids=[f"{k}-{n}" for k, n in CHOICES])
def test_a_mistake_below_every_choice_is_blamed_on_its_own_line(
    tmp_path: Path, key: str, name: str
) -> None:
    path = tmp_path / "spec.yaml"
    lines, block = spec_with(key, BLOCKS[key][name])
    path.write_text("\n".join(lines))
    load(path)
    for number, changed in mistaken(lines, block):
        path.write_text("\n".join(changed))
        with pytest.raises(SpecError) as caught:
            load(path)
        assert caught.value.where.startswith(f"{path}:{number + 1}:"), "\n".join(changed)


def test_every_choice_of_data_baseline_design_and_promotion_is_tried() -> None:
    choices = {choice for path in all_paths() for choice in path.choices if choice}
    named = {f"`source: {name}`" for name in DATA} | {f"`{name}`" for name in BASELINES}
    named |= {f"`kind: {name}`" for name in (*DESIGNS, *PROMOTIONS, "study", "train", "asha")}
    assert {choice for choice in choices if not choice.startswith("`block: ")} == named


def test_tags_are_told_from_keys_of_the_same_name() -> None:
    written = ("search", "promotion", "rungs")
    assert keys_of(("study", "search", "promotion", "rungs", "rungs")) == written
    assert keys_of(("train", "train", "epochs")) == ("train", "epochs")
    assert keys_of(("train", "resources", "sharding")) == ("resources", "sharding")
    assert keys_of(()) == ()


HOMES = [
    ("study", "data", "source: parquet\npath: x\nsize: 64", "`size` goes with `source: "),
    ("study", "data", "source: parquet\npath: x\nsize: 64", "not with `source: parquet`: take it"),
    ("train", "resources", "family: {gpus: 1}", "or choose `kind: study`"),
    ("study", "resources", "gpus: 1", "`gpus` goes with `kind: train`, not with `kind: study`"),
    ("study", "baseline", "factory: 'a:b'\nresolution: 8\npadding: same", "not with `factory`"),
    ("train", "train", "rounds: 2", "`rounds` belongs under `search` in `kind: study`"),
    ("train", "train", "degree: 2", "`degree` belongs under `search.design` in `kind: study`"),
    ("study", "search.design", "kind: star\ndegree: 3", "choose `kind: lattice`"),
    ("study", "search", "epochs: 3", "`epochs` belongs under `train`"),
]


@pytest.mark.parametrize(("kind", "key", "block", "words"), HOMES)
def test_a_key_is_never_told_to_go_where_it_is(
    tmp_path: Path, kind: str, key: str, block: str, words: str
) -> None:
    path = tmp_path / "spec.yaml"
    lines, _ = spec_with(key, block)
    path.write_text("\n".join(lines).replace("kind: study", f"kind: {kind}", 1))
    with pytest.raises(SpecError) as caught:
        load(path)
    assert words in caught.value.next_step
    assert f"belongs under `{key}`" not in caught.value.next_step
