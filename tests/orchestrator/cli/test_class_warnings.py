"""A class that a part has no image of is the first warning of every command, and of the report."""

import json
from pathlib import Path

import pytest

from compound.jobs.data.source import inspect
from compound.orchestrator.wording.class_warnings import class_warnings
from compound.schemas.data import SyntheticData
from tests.support.command import compound
from tests.support.data_inputs import folder_of
from tests.support.report_pages import Page

SPEC = """
kind: train
name: photos
store: "{store}"
data: {{source: image_folder, path: "{path}", size: 8, max_bad: 0.4}}
baseline: {{resolution: 8, stem: {{channels: 4}}, stages: [{{channels: 4, se: 0}}], head: 8}}
coefficients: {{alpha: 1, beta: 1, gamma: 1}}
phi: 0
train: {{epochs: 1, batch: 8}}
"""
LAYOUT = "train/cat:6 train/dog:6 train/emu:6 val/cat:4 val/emu:4 test/cat:3"
VALIDATION = (
    "1 of 3 classes has no validation image: dog: every validation accuracy is of the 2 other "
    "classes alone"
)
TEST = (
    "2 of 3 classes have no test image: dog, emu: every test accuracy is of the 1 other class alone"
)


@pytest.fixture
def spec(tmp_path: Path) -> Path:
    data = folder_of(tmp_path / "data", LAYOUT)
    path = tmp_path / "spec.yaml"
    path.write_text(SPEC.format(path=data.path, store=tmp_path / "runs"))
    return path


def warnings(text: str) -> list[str]:
    marked = [line.partition("warning: ") for line in text.splitlines()]
    return [warning for _, mark, warning in marked if mark]


def test_every_command_warns_of_them_first(spec):
    for name in ("data", "plan"):
        done = compound(name, str(spec))
        assert done.returncode == 0 and warnings(done.stdout + done.stderr)[:2] == [
            VALIDATION,
            TEST,
        ]
        printed = json.loads(compound(name, str(spec), "--json").stdout)
        assert printed["warnings"][:2] == [VALIDATION, TEST]
    ran = compound("run", str(spec), "--runner", "local")
    assert ran.returncode == 0, ran.stderr
    lines = warnings(ran.stderr)
    assert lines[:2] == [VALIDATION, TEST] and lines.count(VALIDATION) == 2
    status = compound("status", "photos", "--store", str(spec.parent / "runs"))
    assert warnings(status.stdout)[:2] == [VALIDATION, TEST]
    (report,) = (spec.parent / "runs").rglob("report.html")
    visible = " ".join(Page(report.read_text()).shown)
    assert 0 < visible.index(VALIDATION) < visible.index(TEST)


def test_a_class_whose_validation_images_are_all_broken_counts(spec):
    for file in (spec.parent / "data/val/cat").iterdir():
        file.write_text("no image")
    ran = compound("run", str(spec), "--runner", "local", "--no-report")
    assert ran.returncode == 0, ran.stderr
    assert warnings(ran.stderr)[0].startswith(
        "2 of 3 classes have no validation image: cat, dog: every validation accuracy is of the 1"
    )


def test_classes_without_training_images_are_not_counted_for_other_parts():
    spec = SyntheticData(source="synthetic", num_classes=20, limit=12, validation_limit=10)
    first, second = class_warnings(inspect(spec))
    assert first.startswith("8 of 20 classes have no training image: ")
    assert "and 3 more: no network can learn them" in first
    assert "of 12 classes have no validation image" in second


def test_nothing_is_said_where_every_class_has_images():
    spec = SyntheticData(source="synthetic", test_images=20)
    assert not list(class_warnings(inspect(spec)))
