"""Files beside a factory that have the names of modules that others import, early or late."""

import importlib
import importlib.util
import logging
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from compound.jobs.models.scaled import Networks
from compound.jobs.models.shadowed_imports import FoldersHook, find_needed_elsewhere, shadowed
from compound.jobs.runtime.child_processes import ROOT
from compound.schemas.errors import FactoryError
from tests.support.user_networks import NET

RAISES = "raise SystemExit('the file of the user')\n"


@pytest.fixture(autouse=True)
def _paths_as_before(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", sys.path.copy())
    monkeypatch.setattr(sys, "path_hooks", sys.path_hooks.copy())
    monkeypatch.setattr(sys, "path_importer_cache", sys.path_importer_cache.copy())


@pytest.mark.parametrize("name", ["cProfile", "colorsys", "safetensors", "mpmath", "PIL"])
def test_a_needed_module_is_found_late_and_the_file_never(tmp_path: Path, name: str) -> None:
    (tmp_path / f"{name}.py").write_text(RAISES)
    (tmp_path / "own_net.py").write_text(
        NET.replace("CHECK", f"import {name}; print({name}.__file__)")
    )
    asked = f"Networks(({str(tmp_path)!r},)).own('own_net:build', 8, 4, 3)"
    code = f"from compound.jobs.models.scaled import Networks; {asked}"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    file = tmp_path / f"{name}.py"
    assert ran.stderr.startswith(
        "never imported, since modules that others import have their names"
    )
    assert ran.stderr.count(str(file)) == 1


def test_names_that_nothing_needs_are_the_users(tmp_path: Path) -> None:
    for name in ("jobs.py", "schemas.py", "cluster/__init__.py", "pytest.py", "models.py"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "colorsys").mkdir()
    assert FoldersHook([str(tmp_path)]).files == {}


def test_a_checkout_and_the_folders_of_python_hide_nothing() -> None:
    folders = [ROOT, sysconfig.get_path("purelib"), sysconfig.get_path("stdlib")]
    assert FoldersHook(folders).files == {}


def test_it_is_told_once_with_the_file(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "colorsys.py").touch()
    with caplog.at_level(logging.WARNING):
        find_needed_elsewhere((str(tmp_path),))
        find_needed_elsewhere((str(tmp_path),))
    (record,) = caplog.records
    assert record.getMessage().endswith(f"{tmp_path}/colorsys.py; rename what your code imports")
    assert shadowed("colorsys.deep") and not shadowed("random")


def test_a_factory_in_such_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "colorsys.py").write_text(NET)
    with pytest.raises(FactoryError, match="has the name of the module 'colorsys'") as caught:
        Networks((str(tmp_path),)).own("colorsys:build", 8, 4, 3)
    assert caught.value.next_step == "rename this file"


@pytest.mark.parametrize("line", ["from colorsys import hue", "import colorsys; colorsys.hue"])
def test_an_error_for_lack_of_the_users_own_file_names_it(tmp_path: Path, line: str) -> None:
    (tmp_path / "colorsys.py").write_text("hue = 3\n")
    module = f"own_hues_{len(line)}"
    (tmp_path / f"{module}.py").write_text(f"{line}\n{NET}")
    with pytest.raises(FactoryError) as caught:
        Networks((str(tmp_path),)).own(f"{module}:build", 8, 4, 3)
    file = f"{tmp_path}/colorsys.py has the name of the module 'colorsys', which others import"
    assert caught.value.next_step == f"{file}: rename this file"


def test_who_tries_a_package_that_is_not_installed_finds_none(tmp_path: Path) -> None:
    (tmp_path / "cupy.py").write_text(RAISES)
    sys.path.insert(0, str(tmp_path))
    assert importlib.util.find_spec("cupy") is not None
    find_needed_elsewhere((str(tmp_path),))
    assert importlib.util.find_spec("cupy") is None
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module("cupy")
