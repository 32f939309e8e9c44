"""What is installed, uploaded and released."""

import shlex
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

from compound.cluster.ray_jobs import runtime_environment
from tests.support.house import ROOT, trees


def copied(folder: Path, links: str) -> Path:
    """Copy the source; `links`: kept, left out as by a zip archive, or files with their targets."""
    ignore = shutil.ignore_patterns(".*", "runs", "build", "*.egg-info", "__pycache__", "tests")
    shutil.copytree(ROOT, folder, ignore=ignore, symlinks=True)
    for link in [path for path in (folder / "compound").iterdir() if path.is_symlink()]:
        target = str(link.readlink())
        if links != "kept":
            link.unlink()
        if links == "as text":
            link.write_text(target)
    return folder


@pytest.mark.parametrize("links", ["kept", "lost", "as text"])
def test_a_checkout_runs_whatever_became_of_its_links(tmp_path: Path, links: str) -> None:
    source = copied(tmp_path / "source", links)
    for module in ("compound", "orchestrator"):
        command = [sys.executable, "-m", module, "count", "efficientnet-b0", "--json"]
        done = subprocess.run(command, cwd=source, capture_output=True, text=True)
        assert '"macs": 385814752' in done.stdout, done.stderr
    where = "import compound.jobs.seeds as module; print(module.__file__)"
    command = [sys.executable, "-c", where]
    printed = subprocess.run(command, cwd=source, capture_output=True, text=True, check=True).stdout
    assert Path(printed.strip()).is_relative_to(source)


@pytest.mark.slow
@pytest.mark.parametrize("links", ["kept", "lost", "as text"])
def test_the_wheel_holds_one_package(tmp_path: Path, links: str) -> None:
    source = copied(tmp_path / "source", links)
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(tmp_path)]
    subprocess.run([*build, str(source)], check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    tops = {name.split("/")[0] for name in names if ".dist-info" not in name}
    assert tops == {"compound"}
    sources = {f"compound/{path}" for path in trees()}
    assert sources <= set(names)


def test_the_lock_pins_everything_and_names_no_index() -> None:
    lines = (ROOT / "requirements.lock").read_text().splitlines()
    pins = [line for line in lines if not line.startswith("#")]
    assert all("==" in line and "://" not in line for line in pins)
    assert "torch==2.13.0" in pins


def test_a_cloud_installs_what_the_package_needs() -> None:
    needed = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    lines = (ROOT / "ray-cluster.yaml").read_text().splitlines()
    (installed,) = [shlex.split(line)[3:] for line in lines if "pip install" in line]
    assert installed == needed


def test_a_submission_leaves_stores_at_home(tmp_path: Path) -> None:
    for store in ("runs", "old/runs"):
        (tmp_path / store).mkdir(parents=True)
        (tmp_path / store / "store.json").write_text("{}")
    assert runtime_environment(tmp_path)["excludes"] == ["/old/runs/", "/runs/"]
    assert "excludes" not in runtime_environment(tmp_path / "old" / "runs")


def test_every_folder_of_modules_is_in_the_wheel() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    listed = project["tool"]["setuptools"]["packages"]
    layers = ("jobs", "schemas", "cluster", "orchestrator")
    folders = {path.parent for layer in layers for path in (ROOT / layer).rglob("*.py")}
    packages = {
        f"compound.{folder.relative_to(ROOT).as_posix().replace('/', '.')}" for folder in folders
    }
    assert packages | {"compound", "compound.examples"} == set(listed)
