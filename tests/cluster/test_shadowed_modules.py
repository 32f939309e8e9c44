"""Files of a user that are called as modules of ours, of Python or of packages, on Ray."""

from pathlib import Path

import pytest

from compound.cluster.shadowed_modules import check_uploaded, job_config
from compound.jobs.runtime.child_processes import ROOT
from compound.schemas.errors import SpecError


@pytest.mark.parametrize("name", ["compound.py", "numpy.py", "random.py", "torch/__init__.py"])
def test_a_file_that_hides_a_needed_module_is_not_uploaded(tmp_path: Path, name: str) -> None:
    file = tmp_path / name
    file.parent.mkdir(exist_ok=True)
    file.touch()
    with pytest.raises(SpecError, match="in place of the module") as caught:
        check_uploaded(tmp_path)
    assert caught.value.where.startswith(str(tmp_path)) and "rename it" in str(caught.value)


def test_a_users_own_names_and_a_clone_are_uploaded(tmp_path: Path) -> None:
    for name in ("jobs.py", "schemas.py", "orchestrator.py", "train.py", "numpy.txt"):
        (tmp_path / name).touch()
    for name in ("cluster/__init__.py", "compound/runs/x", "numpy/notes", "torch.d/__init__.py"):
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).touch()
    check_uploaded(tmp_path)
    check_uploaded(Path(ROOT))


def test_workers_import_nothing_from_the_working_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folders = job_config()._py_driver_sys_path
    folders.extend([str(tmp_path), ROOT])
    assert set(folders) == {ROOT}
    monkeypatch.setenv("RAY_JOB_CONFIG_JSON_ENV_VAR", "{}")
    folders = job_config()._py_driver_sys_path
    folders.extend([str(tmp_path)])
    assert folders == []
