"""`compound data` prints the ledger, as words and as JSON, and draws the contact sheet."""

import io
import json
from pathlib import Path

import pytest
from PIL import Image

from compound.jobs.data.contact_sheet import contact_sheet
from compound.jobs.data.sheet_images import sheet_classes
from compound.jobs.data.source import opened
from compound.orchestrator.cli.specs import data as data_command
from compound.orchestrator.spec.load import load
from compound.schemas.data import Undecodable
from compound.schemas.errors import SpecError
from tests.support.command import compound
from tests.support.image_files import folder, write_folder
from tests.support.small_study import SPEC as SMALL

SPEC = """
kind: train
name: photos
data: {{source: image_folder, path: "{path}", size: 8, max_bad: 0.2}}
baseline: {{resolution: 8, stem: {{channels: 8}}, stages: [{{channels: 8, se: 0}}], head: 8}}
coefficients: {{alpha: 1.2, beta: 1.1, gamma: 1.15}}
phi: 1
"""


@pytest.fixture
def spec(tmp_path):
    write_folder(tmp_path / "photos", 8)
    (tmp_path / "photos/train/ant/empty.png").write_bytes(b"")
    (tmp_path / "photos/train/bee/notes.txt").write_text("no image")
    (tmp_path / "photos/train/bee/again.png").write_bytes(
        (tmp_path / "photos/train/bee/0.png").read_bytes()
    )
    file = tmp_path / "spec.yaml"
    file.write_text(SPEC.format(path=tmp_path / "photos"))
    return str(file)


def test_the_ledger_in_words(spec, tmp_path):
    sheet = tmp_path / "sheet.png"
    done = compound("data", spec, "--sheet", str(sheet))
    assert done.returncode == 0, done.stderr
    for text in ("of 0 bytes", "not an image (.txt)", "train/bee/notes.txt", "duplicate", "17"):
        assert text in done.stdout
    assert sheet.read_bytes().startswith(b"\x89PNG")


def test_images_are_named_by_their_position_in_the_validation_part(spec, tmp_path):
    choice = opened(load(Path(spec), []).spec.data, part="validation")
    held = choice.validation_labels
    done = compound("data", spec, "--image", "0", "--image", str(len(held) - 1), "--json")
    assert done.returncode == 0, done.stderr
    names = json.loads(done.stdout)
    assert list(names) == ["0", str(len(held) - 1)]
    for position, name in names.items():
        assert name.split("/")[-2] == choice.info.classes[held[int(position)]]
    beyond = compound("data", spec, "--image", str(len(held)))
    assert beyond.returncode == 2 and f"allowed: 0 to {len(held) - 1}" in beyond.stderr


def test_a_source_without_files_says_that_its_images_have_no_names(tmp_path):
    path = tmp_path / "small.yaml"
    path.write_text(SMALL.format(store=tmp_path / "runs", epochs=1))
    done = compound("data", str(path), "--image", "3")
    assert done.returncode == 2 and "images of synthetic have no names" in done.stderr


def test_names_that_the_sheet_has_as_codes_are_told(spec, tmp_path):
    (tmp_path / "photos/train/ant").rename(tmp_path / "photos/train/\ue001")
    done = compound("data", spec, "--sheet", str(tmp_path / "sheet.png"))
    assert done.returncode == 0 and "1 class name drawn as codes, such as \\ue001" in done.stderr


def test_the_ledger_as_json_adds_up(spec):
    printed = json.loads(compound("data", spec, "--json").stdout)
    for part in printed["ledger"]["parts"]:
        left_out = sum(entry["count"] for entry in part["left_out"])
        assert part["found"] == part["taken"] + left_out
    assert printed["ledger"]["parts"][0]["found"] == 19


def test_the_short_form_in_a_plan(spec):
    done = compound("plan", spec)
    assert done.returncode == 0, done.stderr
    assert "19 found in" in done.stdout and "1 not an image (.txt)" in done.stdout


def test_a_sheet_that_cannot_be_written(spec, tmp_path):
    done = compound("data", spec, "--sheet", str(tmp_path / "none" / "sheet.png"))
    assert done.returncode == 2 and "cannot be written" in done.stderr


@pytest.mark.parametrize("name", ["sheet.jpg", "sheet", "sheet.png.gif"])
def test_a_sheet_of_another_format_is_refused(small, name):
    sheet = small.parent / name
    with pytest.raises(SpecError, match=r"a sheet is a PNG.*") as caught:
        data_command.data(small, overrides(small), sheet, as_json=False)
    assert ".png" in str(caught.value.next_step) and not sheet.exists()


@pytest.fixture
def small(tmp_path: Path) -> Path:
    images = write_folder(tmp_path / "images", 12)
    path = tmp_path / "small.yaml"
    path.write_text(SMALL.format(store=tmp_path / "runs", epochs=1))
    (tmp_path / "data.json").write_text(json.dumps({"source": "image_folder", "path": images}))
    return path


def overrides(small: Path) -> list[str]:
    return [f"data={(small.parent / 'data.json').read_text()}"]


def test_a_sheet_shows_images_at_the_baselines_resolution_and_evaluation_crop(small, capsys):
    sheet = small.parent / "sheet.png"
    central = "search.train.central=0.5"
    data_command.data(small, [*overrides(small), central], sheet, as_json=False)
    choice = opened(folder(str(small.parent / "images"), memory="never"))
    assert sheet.read_bytes() == contact_sheet(choice, 10, 0.5)
    assert Image.open(io.BytesIO(sheet.read_bytes())).format == "PNG"
    capsys.readouterr()


@pytest.mark.parametrize("memory", ["auto", "never"])
def test_the_sheet_and_the_json_count_what_is_taken(
    small: Path, capsys: pytest.CaptureFixture[str], memory: str
) -> None:
    (small.parent / "images/train/ant/0.png").write_bytes(b"text")
    fields = {"source": "image_folder", "path": str(small.parent / "images"), "memory": memory}
    (small.parent / "data.json").write_text(json.dumps({**fields, "max_bad": 0.1}))
    sheet = small.parent / "sheet.png"
    data_command.data(small, overrides(small), sheet, as_json=True)
    printed = json.loads(capsys.readouterr().out)
    train, validation = printed["ledger"]["parts"]
    assert (printed["train"], printed["validation"]) == (train["taken"], validation["taken"])
    spec = folder(fields["path"], memory="never", max_bad=0.1)
    choice = opened(spec, undecodable=Undecodable.model_validate(printed["undecodable"]))
    assert [entry.count for entry in sheet_classes(choice, 10)] == train["class_counts"]
    assert sheet.read_bytes() == contact_sheet(choice, 10)


def test_the_fingerprint_of_the_pixels_is_in_the_json(small, capsys):
    data_command.data(small, overrides(small), None, as_json=True)
    assert len(json.loads(capsys.readouterr().out)["pixel_digest"]) == 16
