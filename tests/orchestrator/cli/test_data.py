"""`compound data` shows the pixels of a spec: a contact sheet, and their fingerprint."""

import io
import json
from pathlib import Path

import pytest
from PIL import Image

from compound.jobs.data.contact_sheet import contact_sheet
from compound.jobs.data.source import opened
from compound.orchestrator.cli import data as data_command
from tests.support.image_files import folder, write_folder
from tests.support.small_study import SPEC


@pytest.fixture
def spec(tmp_path: Path) -> Path:
    images = write_folder(tmp_path / "images", 12)
    path = tmp_path / "small.yaml"
    path.write_text(SPEC.format(store=tmp_path / "runs", epochs=1))
    (tmp_path / "data.json").write_text(json.dumps({"source": "image_folder", "path": images}))
    return path


def overrides(spec: Path) -> list[str]:
    return [f"data={(spec.parent / 'data.json').read_text()}"]


def test_a_sheet_shows_images_at_the_baselines_resolution_and_evaluation_crop(spec, capsys):
    sheet = spec.parent / "sheet.png"
    central = "search.train.central=0.5"
    data_command.data(spec, [*overrides(spec), central], sheet, as_json=False)
    choice = opened(folder(str(spec.parent / "images"), memory="never"))
    assert sheet.read_bytes() == contact_sheet(choice, 10, 0.5)
    assert Image.open(io.BytesIO(sheet.read_bytes())).format == "PNG"
    capsys.readouterr()


def test_the_fingerprint_of_the_pixels_is_in_the_json(spec, capsys):
    data_command.data(spec, overrides(spec), None, as_json=True)
    assert len(json.loads(capsys.readouterr().out)["pixel_digest"]) == 16
