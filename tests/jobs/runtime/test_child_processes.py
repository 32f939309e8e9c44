"""Children import the Compound of their parent, and nothing that lies in the working folder."""

import os
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

import compound
from compound.jobs.probe.probe import cases, measure_all
from compound.jobs.runtime import child_processes
from compound.jobs.runtime.child_processes import child_environment, module_command
from compound.schemas.host import TorchFacts
from tests.support.images_on_disk import folder_of
from tests.support.streamed_sources import source_of
from tests.support.users_folder import users_folder

PARENT = """
import sys
sys.path.insert(0, sys.argv[1])
import subprocess
from compound.jobs.runtime.child_processes import child_environment, module_command
from compound.schemas.host import TorchFacts
print_it = "import compound; print(compound.__file__)"
subprocess.run([sys.executable, "-c", print_it], env=child_environment(), check=True)
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in a user's folder."""
    monkeypatch.chdir(users_folder(tmp_path / "own"))
    return tmp_path / "own"


def checkout(root: Path) -> Path:
    """Return a folder of its own that holds Compound."""
    root.mkdir()
    (root / "compound").symlink_to(Path(compound.__file__).parent)
    return root


def test_the_folder_would_end_a_child_that_searches_it() -> None:
    plain = {name: value for name, value in os.environ.items() if name != "PYTHONSAFEPATH"}
    command = [sys.executable, "-m", "compound.jobs", "--help"]
    done = subprocess.run(command, env=plain, capture_output=True, text=True, check=False)
    assert "the user has a" in done.stderr


def test_decoders_start(tmp_path: Path) -> None:
    (images, _) = next(iter(source_of(folder_of(tmp_path / "images")).validation(0, 1, 8)))[:2]
    assert len(images) == 8


def test_torch_describes_its_build() -> None:
    done = subprocess.run(
        module_command("compound.jobs.host.torch_facts"),
        env=child_environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    assert TorchFacts.model_validate_json(done.stdout.splitlines()[0]).version


def test_a_device_is_measured() -> None:
    ready, _ = measure_all(cases("cpu")[8:9], "cpu", threads=1, limit=1)
    assert ready.memory > 0


@pytest.mark.parametrize("rival", [False, True])
def test_a_child_imports_the_compound_of_its_parent(tmp_path: Path, rival: bool) -> None:
    chosen, second = checkout(tmp_path / "chosen"), checkout(tmp_path / "second")
    done = subprocess.run(
        [sys.executable, "-P", "-c", PARENT, str(chosen)],
        env={**os.environ, "PYTHONPATH": str(second) if rival else ""},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    assert Path(done.stdout.strip()).parents[1] == chosen


def test_entries_of_the_environment_stay_but_the_working_folder_goes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PYTHONPATH", f"/a{os.pathsep}{os.pathsep}/b")
    root = str(Path(compound.__file__).parents[1])
    assert child_environment()["PYTHONPATH"].split(os.pathsep) == ["/a", "/b", root]
    assert child_environment(NAME="value")["NAME"] == "value"


def test_site_packages_never_come_before_the_standard_library(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(child_processes, "ROOT", sysconfig.get_path("purelib"))
    monkeypatch.setenv("PYTHONPATH", "/a")
    assert child_environment()["PYTHONPATH"] == "/a"
