"""What is installed, uploaded and released."""

import hashlib
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import sysconfig
import tomllib
import zipfile
from pathlib import Path

import pytest

from compound.cluster.ray_jobs import runtime_environment
from compound.jobs.runtime.distribution import DISTRIBUTION
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


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with sdist and wheel, as `make dist` builds them of a commit."""
    source = copied(tmp_path_factory.mktemp("release") / "source", "kept")
    shutil.copy(ROOT / ".gitignore", source)
    git = ["git", "-c", "user.name=x", "-c", "user.email=x@x", "-C", str(source)]
    day = {"GIT_COMMITTER_DATE": "2026-01-02T03:04:05Z", "GIT_AUTHOR_DATE": "2026-01-02T03:04:05Z"}
    for words in (["init", "-q"], ["add", "-A"], ["commit", "-q", "-m", "release"]):
        subprocess.run([*git, *words], check=True, env={**os.environ, **day})
    return dist(source, umask=0o022)


def dist(source: Path, umask: int) -> Path:
    """Build; return the folder of what was built."""
    make = ["make", "-C", str(source), "dist", f"BIN={Path(sys.executable).parent}"]
    subprocess.run(make, check=True, capture_output=True, umask=umask)
    return source / "dist"


def hashes(folder: Path) -> dict[str, str]:
    """Return the hash of every file in a folder."""
    return {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in folder.iterdir()}


@pytest.mark.slow
def test_a_commit_has_one_sdist_and_one_wheel(built: Path) -> None:
    first = hashes(built)
    for path in (built.parent / "examples").iterdir():
        path.touch()
    assert hashes(dist(built.parent, umask=0o077)) == first
    assert {name.partition("-")[0] for name in first} == {"compound_scaling"} and len(first) == 2


@pytest.mark.slow
def test_an_installed_wheel_has_all_that_it_reads(built: Path, tmp_path: Path) -> None:
    """In an environment that has what Compound needs, but not this checkout."""
    (wheel,) = built.glob("*.whl")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path / "env"], check=True)
    python, packages = tmp_path / "env" / "bin" / "python", sysconfig.get_path("purelib")
    install = [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet"]
    subprocess.run([*install, "--no-deps", "--no-index", str(wheel)], check=True)
    (own,) = (tmp_path / "env" / "lib").glob("python3*/site-packages")
    (own / "present.pth").write_text(f"{packages}\n")
    work, command = tmp_path / "work", tmp_path / "env" / "bin" / "compound"
    work.mkdir()
    asset = "from importlib.resources import files as f; import compound; print(compound.__file__)"
    asset += "; page = f('compound.orchestrator.report') / 'static' / 'report.css'"
    asset += "; print(len(page.read_text()))"
    printed = [
        subprocess.run([*map(str, words)], cwd=work, check=True, capture_output=True, text=True)
        for words in (
            [command, "--version"],
            [command, "init", "--examples"],
            [command, "init", "--example", "quickstart"],
            [command, "validate", "quickstart.yaml"],
            [command, "data", "quickstart.yaml", "--json"],
            [python, "-c", asset],
        )
    ]
    version, listed, _, _, data, read = [done.stdout for done in printed]
    assert version.startswith("compound 0.") and "not installed" not in version
    assert all(path.stem in listed for path in (ROOT / "examples").glob("*.yaml"))
    assert json.loads(data)["train"] == 4000
    where, size = read.splitlines()
    assert Path(where).is_relative_to(own) and int(size) > 1000


def test_the_distribution_is_named_once() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["name"] == DISTRIBUTION
    pages = [*(ROOT / "docs").rglob("*.md"), ROOT / "README.md"]
    named = {m for page in pages for m in re.findall(r"([\w-]+)\[[a-z]+\]", page.read_text())}
    assert "compound" not in named
    extras = set(project["optional-dependencies"])
    used = re.findall(rf"{DISTRIBUTION}\[(\w+)\]", "".join(page.read_text() for page in pages))
    assert used and set(used) <= extras


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
