"""`compound validate`: what it looks at, what it says that it did not, and its JSON."""

import json
import os
from pathlib import Path

import pytest

from compound.schemas.data import DataInfo
from compound.schemas.data_ledger import DataLedger
from tests.support.command import compound
from tests.support.hostile_strings import HOSTILE, obeyed
from tests.support.image_files import write_folder
from tests.support.mistakes.mistake import SPEC

DATA = SPEC.splitlines()[2]
FACTORY = "baseline={factory: 'own:build', resolution: 8}"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "spec.yaml").write_text(SPEC)
    return tmp_path


def test_it_says_what_was_looked_at_with_numbers(folder: Path) -> None:
    ran = compound("validate", "spec.yaml", cwd=folder)
    assert ran.returncode == 0
    for words in ("64 training and 32 validation images of 2 classes", "1 x (", "store: runs"):
        assert words in ran.stdout
    assert "not checked" not in ran.stdout and "next: compound plan spec.yaml" in ran.stdout
    assert not (folder / "runs").exists()


def test_what_only_a_run_can_see_is_said(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_folder(folder / "photos", per_class=300)
    photos = "data={source: image_folder, path: photos}"
    ran = compound("validate", "spec.yaml", "--set", photos, cwd=folder)
    assert "not checked: whether all 600 images can be decoded" in ran.stdout
    monkeypatch.setenv("RAY_ADDRESS", "10.0.0.1:6379")
    ran = compound("validate", "spec.yaml", "--set", "resources.search.gpus=8", cwd=folder)
    assert ran.returncode == 0
    assert "whether the jobs fit the hosts of the Ray at 10.0.0.1:6379" in ran.stdout
    assert "do not fit on the machine that plans" in ran.stderr


def test_code_of_a_users_own_is_not_run_unasked(folder: Path) -> None:
    (folder / "own.py").write_text("raise SystemExit('it ran')\n")
    ran = compound("validate", "spec.yaml", "--set", FACTORY, cwd=folder)
    assert ran.returncode == 0 and "it ran" not in ran.stderr
    assert "not checked: the network and its jobs" in ran.stdout
    assert "--allow-import" in ran.stdout


def test_json_has_what_was_checked_or_the_error(folder: Path) -> None:
    good = json.loads(compound("validate", "spec.yaml", "--json", cwd=folder).stdout)
    assert good["valid"] and good["spec"]["name"] == "flowers" and good["not_checked"] == []
    assert good["next"] == "compound plan spec.yaml" and len(good["checked"]) == 5
    ran = compound("validate", "spec.yaml", "--json", "--set", "train.epochs=0", cwd=folder)
    bad = json.loads(ran.stdout)
    assert ran.returncode == 2 and not bad["valid"]
    assert bad["error"] == {
        "message": "epochs: 0 is too small",
        "where": "--set train.epochs=0",
        "allowed": "a whole number from 1 up to 100,000",
        "next": "type --set train.epochs=1",
    }


def test_a_plan_that_is_refused_shows_its_figures_and_writes_no_file(folder: Path) -> None:
    limit = ("--set", "budget.epochs=3", "-o", "plan.json")
    ran = compound("plan", "spec.yaml", *limit, cwd=folder)
    assert ran.returncode == 2 and "3 networks" in ran.stdout
    assert "the plan takes up to" in ran.stderr and not (folder / "plan.json").exists()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_store_that_cannot_be_made_is_refused(folder: Path) -> None:
    (folder / "closed").mkdir(mode=0o500)
    ran = compound("validate", "spec.yaml", "--set", "store=closed/runs", cwd=folder)
    assert ran.returncode == 2 and "the store cannot be written" in ran.stderr


@pytest.mark.parametrize("hostile", HOSTILE)
def test_nothing_hostile_in_keys_values_and_names_reaches_the_terminal(
    hostile: str, folder: Path
) -> None:
    text = hostile.encode("utf-8", "surrogateescape" if "\udce9" in hostile else "ignore")
    quoted = json.dumps(text.decode("utf-8", "replace"))
    for line in (f"{quoted}: 1", f"seed: {quoted}", f"store: {{{quoted}: 1}}"):
        (folder / "spec.yaml").write_text(f"{SPEC}{line}\n", encoding="utf-8")
        ran = compound("validate", "spec.yaml", cwd=folder)
        assert ran.returncode == 2 and not obeyed(ran.stderr + ran.stdout), ran.stderr


def test_images_are_warned_of_with_numbers() -> None:
    from compound.orchestrator.plan.image_warnings import image_warnings
    from compound.schemas.data_ledger import PartLedger

    part = PartLedger(part="train", where="x", found=43, taken=43, class_counts=(40, 3))
    info = DataInfo(
        fingerprint="x",
        classes=("ant", "bee"),
        in_channels=3,
        size=32,
        train=43,
        validation=4,
        ledger=DataLedger(parts=(part,)),
    )
    few, large = image_warnings(info, {24, 40, 48})
    assert few.startswith("1 of 2 classes with fewer than 20 training images, bee with 3: ")
    assert large.startswith("2 resolutions up to 48 pixels, and the images have 32: ")
    assert "rounding.max_resolution: 32" in large
    even = info.model_copy(update={"ledger": None, "size": 64})
    assert not list(image_warnings(even, {24, 64}))
