"""Compound takes one name, `compound`: installed beside a user's own modules, and in a checkout."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from compound.cluster.ray_jobs import runtime_environment
from compound.jobs.host.users_compound import users_compound
from compound.jobs.store.artifacts import ArtifactStore
from compound.schemas.job import JobRequest
from compound.schemas.job import Resources as JobResources
from tests.support.small_jobs import small_job

if TYPE_CHECKING:
    from compound.cluster.ray_session import Session

ROOT = Path(__file__).parents[1]
BIN = Path(sys.executable).parent
LAYERS = ("schemas", "jobs", "cluster", "orchestrator")
CLASH = "raise ImportError('Compound has imported a module of the user: ' + __name__)"
SPEC = """\
kind: study
name: clash
store: {store}
data: {{source: synthetic, images: 64, validation_images: 32, size: 8}}
baseline: {{factory: "own_network:build", resolution: 8}}
search:
  design: {{kind: lattice, degree: 1}}
  controls: [depth, width]
  budget: {{tolerance: 0.2}}
  seeds: 1
family: {{phi: [1]}}
train: {{epochs: 1, batch: 32}}
resources: {{search: {{gpus: 0}}, family: {{workers: 2, gpus: 0}}}}
"""
NETWORK = """
from schemas import Config  # the user's own, never Compound's
from torch import nn

def build(*, depth, width, resolution, num_classes, in_channels):
    channels = round(Config.channels * width)
    layers = [nn.Conv2d(in_channels, channels, 3, 1, 1), nn.BatchNorm2d(channels), nn.ReLU()]
    for _ in range(round(2 * depth)):
        layers += [nn.Conv2d(channels, channels, 3, 1, 1), nn.ReLU()]
    pool = [nn.AdaptiveAvgPool2d(1), nn.Flatten()]
    return nn.Sequential(*layers, *pool, nn.Linear(channels, num_classes))
"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with nothing but the wheel in it, for the front of Python's path."""
    top = tmp_path_factory.mktemp("wheel")
    ignore = shutil.ignore_patterns(".*", "runs", "build", "*.egg-info", "__pycache__", "tests")
    shutil.copytree(ROOT, top / "source", ignore=ignore, symlinks=True)
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation"]
    target = ["--disable-pip-version-check", "--target", str(top / "site")]
    subprocess.run([*pip, *target, str(top / "source")], check=True, capture_output=True)
    return top / "site"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A user's folder with modules of all four names, and a network that imports one of them."""
    (tmp_path / "schemas.py").write_text("class Config:\n    channels = 8\n")
    (tmp_path / "jobs.py").write_text(CLASH)
    (tmp_path / "orchestrator.py").write_text(CLASH)
    (tmp_path / "cluster").mkdir()
    (tmp_path / "cluster" / "__init__.py").write_text(CLASH)
    (tmp_path / "own_network.py").write_text(NETWORK)
    (tmp_path / "spec.yaml").write_text(SPEC.format(store=tmp_path / "runs"))
    return tmp_path


def environment(installed: Path) -> dict[str, str]:
    """Return an environment in which the wheel stands before everything else."""
    own = {"PYTHONPATH": str(installed), "OMP_NUM_THREADS": "1"}
    return {**{k: v for k, v in os.environ.items() if k != "RAY_ADDRESS"}, **own}


def started(command: list[str], folder: Path, variables: Mapping[str, str]) -> str:
    """Run a command in a folder; return what it printed. It must succeed."""
    done = subprocess.run(
        command, cwd=folder, env=dict(variables), capture_output=True, text=True, timeout=240
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_wheel_takes_one_name(installed: Path) -> None:
    tops = {path.name for path in installed.iterdir() if path.suffix != ".dist-info"}
    assert tops == {"compound", "bin"}
    assert {path.name for path in (installed / "compound").iterdir() if path.is_dir()} >= set(
        LAYERS
    )


@pytest.mark.parametrize("way", ["script", "module"])
def test_commands_run_beside_modules_of_the_same_names(
    installed: Path, folder: Path, way: str
) -> None:
    script = [sys.executable, str(installed / "bin" / "compound")]
    start = script if way == "script" else [sys.executable, "-m", "compound"]
    words = ["run", "spec.yaml", "--allow-import", "--runner", "local", "--json", "--no-report"]
    workers = 2 if way == "module" else 1  # two come from torch's launcher, which takes seconds
    words += ["--set", f"resources.family.workers={workers}"]
    printed = started([*start, *words], folder, environment(installed))
    assert json.loads(printed.splitlines()[-1])["status"] == "done"


def test_torchrun_trains_a_job_beside_them(installed: Path, folder: Path) -> None:
    resources = JobResources(cpus=1, gpus=0)
    request = JobRequest(job=small_job(), resources=resources, label="torchrun")
    (folder / "job.json").write_text(request.model_dump_json())
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    words = ["--nproc-per-node", "1", "-m", "compound.jobs", "job.json", "--store", "runs"]
    started([*launcher, *words], folder, environment(installed))
    result = ArtifactStore.open(str(folder / "runs")).result(request.job.id)
    assert result is not None and result.status == "done"


@pytest.mark.parametrize(
    "start", [["-m", "compound"], [str(BIN / "compound")]], ids=["-m", "script"]
)
def test_a_folder_called_compound_is_only_a_folder(folder: Path, start: tuple[str, ...]) -> None:
    """Relative stores of submitted jobs lie in one; a clone seen from its parent is another."""
    (folder / "compound" / "runs").mkdir(parents=True)
    words = ["run", "spec.yaml", "--allow-import", "--runner", "local", "--json", "--no-report"]
    words += ["--set", "resources.family.workers=1"]
    printed = started([sys.executable, *start, *words], folder, os.environ)
    assert json.loads(printed.splitlines()[-1])["status"] == "done"


@pytest.fixture
def shadowed(folder: Path) -> Path:
    """The user's folder with a compound.py of their own, which ends whatever imports it."""
    (folder / "compound.py").write_text("raise SystemExit('the compound.py of the user')")
    return folder


@pytest.mark.parametrize(
    "start",
    [[sys.executable, str(BIN / "compound")], [sys.executable, "-P", "-m", "compound"]],
    ids=["script", "-P -m"],
)
def test_beside_a_compound_of_the_user_the_command_runs_and_says_so(
    shadowed: Path, start: list[str]
) -> None:
    words = ["run", "spec.yaml", "--allow-import", "--runner", "local", "--json", "--no-report"]
    words += ["--set", "resources.family.workers=1", "--set", "family.phi=[]"]
    done = subprocess.run(
        [*start, *words], cwd=shadowed, capture_output=True, text=True, timeout=240
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1])["status"] == "done"
    assert "compound.py is what `python -m compound` and torchrun" in done.stderr
    assert "export PYTHONSAFEPATH=1" in done.stderr


def test_python_runs_the_users_file_unless_its_path_is_safe(shadowed: Path) -> None:
    """Python imports the file before anything of Compound runs: only the way out can be told."""
    command = [sys.executable, "-m", "compound", "models"]
    done = subprocess.run(command, cwd=shadowed, capture_output=True, text=True, timeout=120)
    assert "the compound.py of the user" in done.stderr
    printed = started(command, shadowed, {**os.environ, "PYTHONSAFEPATH": "1"})
    assert "efficientnet-b0" in printed


def test_torchrun_trains_beside_a_compound_of_the_user_with_a_safe_path(shadowed: Path) -> None:
    request = JobRequest(job=small_job(epochs=1), resources=JobResources(cpus=1, gpus=0))
    (shadowed / "job.json").write_text(request.model_dump_json())
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    words = ["--nproc-per-node", "1", "-m", "compound.jobs", "job.json", "--store", "runs"]
    started([*launcher, *words], shadowed, {**os.environ, "PYTHONSAFEPATH": "1"})
    result = ArtifactStore.open(str(shadowed / "runs")).result(request.job.id)
    assert result is not None and result.status == "done"


def test_which_files_of_a_folder_hide_compound(tmp_path: Path) -> None:
    assert not users_compound(tmp_path)
    (tmp_path / "compound" / "runs").mkdir(parents=True)
    assert not users_compound(tmp_path), "a plain folder hides nothing"
    (tmp_path / "compound" / "__init__.py").touch()
    assert "compound/__init__.py is what" in users_compound(tmp_path)
    assert not users_compound(ROOT)


def test_the_program_is_uploaded_unless_the_folder_is_a_checkout(tmp_path: Path) -> None:
    clone = tmp_path / "compound"
    ignore = shutil.ignore_patterns(".*", "runs", "build", "tests")
    shutil.copytree(ROOT, clone, ignore=ignore, symlinks=True)
    assert "py_modules" not in runtime_environment(clone)
    assert runtime_environment(tmp_path)["py_modules"] == [str(ROOT / "compound")]


@pytest.mark.ray
@pytest.mark.slow
def test_ray_workers_and_groups_run_beside_them(installed: Path, folder: Path) -> None:
    # Ray would put the working folder before all else on its workers' path.
    for name in ("compound", "numpy", "random"):
        (folder / f"{name}.py").write_text(CLASH)
    script = str(installed / "bin" / "compound")
    command = [sys.executable, script, "run", "spec.yaml", "--allow-import", "--json"]
    variables = {**environment(installed), "RAY_AUTH_TOKEN": "0" * 32}
    printed = started([*command, "--no-report"], folder, variables)
    answer = json.loads(printed.splitlines()[-1])
    assert answer["status"] == "done" and answer["family"][0]["done"] == 1


@pytest.mark.ray
@pytest.mark.slow
def test_a_study_is_submitted_from_beside_them(
    installed: Path, folder: Path, ray_session: "Session"
) -> None:
    url = str(ray_session.dashboard_url)
    variables = environment(installed)
    compound = [sys.executable, "-m", "compound"]
    words = ["submit", "spec.yaml", "--allow-import", "--address", url, "--json"]
    answer = json.loads(started([*compound, *words], folder, variables))
    logs = ["logs", answer["job"], "--address", url, "--follow"]
    printed = started([*compound, *logs], folder, variables)
    assert "family: 1 job" in printed and "\nreport: " in printed, printed


@pytest.mark.parametrize("module", ["orchestrator", "jobs", "compound"])
def test_a_checkout_starts_without_being_installed(module: str) -> None:
    code = (
        "import runpy, sys\n"
        f"sys.argv = [{module!r}, '--help']\n"
        "try:\n"
        f"    runpy.run_module({module!r}, run_name='__main__', alter_sys=True)\n"
        "except SystemExit as end:\n"
        "    assert not end.code, end.code\n"
        "twice = [m for m in sys.modules if m.split('.')[0] in "
        f"{LAYERS!r} and m not in ({module!r}, {module + '.__main__'!r})]\n"
        "assert not twice, twice\n"
        "print(sys.modules['compound'].__file__)\n"
    )
    printed = started([sys.executable, "-c", code], ROOT, os.environ)
    assert printed.splitlines()[-1] == str(ROOT / "compound" / "__init__.py")
