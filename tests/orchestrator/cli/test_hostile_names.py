"""Commands on a real terminal, with names that strangers chose: escaped, and no internal error."""

import os
from pathlib import Path

import pytest

from tests.support.hostile_strings import HOSTILE, obeyed
from tests.support.image_files import encoded, write_folder
from tests.support.terminal import command_on_terminal

SPEC = """\
kind: train
name: photos
store: {store}
data: {{source: image_folder, path: '{path}', size: 8, max_bad: 0.5}}
baseline: {{resolution: 8, stem: {{channels: 4}}, stages: [{{channels: 4}}], head: 8}}
train: {{epochs: 1, batch: 2}}
"""
SOME = HOSTILE[::9]
"""Of each kind at least one: a command takes longer than a line."""


def printed(*words: str) -> str:
    """Return what a command printed; nothing that a terminal obeys, and no error of our own."""
    arrived = command_on_terminal(*words)
    assert arrived and not obeyed(arrived), (words, obeyed(arrived)[:10])
    assert "internal error" not in arrived and "Traceback" not in arrived, arrived
    return arrived


@pytest.mark.parametrize("text", HOSTILE, ids=ascii)
def test_words_of_the_command_line(text: str) -> None:
    assert "no network is called" in printed("count", "--", text)


@pytest.mark.parametrize("text", SOME, ids=ascii)
def test_words_that_no_command_knows(text: str, tmp_path: Path) -> None:
    printed(text)
    printed("count", "resnet-18", f"--{text}")
    printed("validate", text)
    printed("status", text, "--store", str(tmp_path / text.replace("/", "_").replace("\0", "")))


@pytest.mark.parametrize("text", SOME, ids=ascii)
def test_values_and_keys_of_a_spec(text: str, tmp_path: Path) -> None:
    spec = tmp_path / "spec.yaml"
    spec.write_text(f"kind: train\nname: {text}\n{text}: 1\n", errors="ignore")
    printed("validate", str(spec))
    spec.write_text(SPEC.format(store=tmp_path, path=tmp_path / "none"))
    printed("plan", str(spec), "--set", f"name={text}")
    printed("validate", str(spec), "--set", f"{text}=1")


def test_names_of_folders_classes_and_files(tmp_path: Path) -> None:
    write_folder(tmp_path / "photos", 4)
    for number, text in enumerate(SOME):
        name = os.fsencode(tmp_path / "photos/train") + b"/" + file_name(text)
        os.mkdir(name)
        for image in range(4):
            content = b"" if number % 3 == image else encoded(10 * number + image)
            path = name + b"/%d" % image + file_name(text) + b".png"
            Path(os.fsdecode(path)).write_bytes(content)
    spec = tmp_path / "spec.yaml"
    spec.write_text(SPEC.format(store=tmp_path / "runs", path=tmp_path / "photos"))
    assert "class" in printed("data", str(spec))
    printed("data", str(spec), "--json")
    printed("plan", str(spec))


def file_name(text: str) -> bytes:
    """Return a text as a name that Linux and UTF-8 allow."""
    return text.encode(errors="ignore").replace(b"/", b"_").replace(b"\0", b"")[:60] or b"x"
