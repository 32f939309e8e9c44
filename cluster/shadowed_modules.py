"""Files of a user with the names of modules that Compound needs: in Ray's workers and its jobs.

Ray puts the folder where a driver runs, and the folder that a job uploads, before all else on the
path of its workers (Ray 2.60, _private/worker.py: `_py_driver_sys_path`). A numpy.py in it would be
imported in place of NumPy, and no worker could start.
"""

import os
import site
import sys
from collections.abc import Iterable
from pathlib import Path

from ray._private.runtime_env.constants import RAY_JOB_CONFIG_JSON_ENV_VAR
from ray.job_config import JobConfig

from compound.jobs.runtime.child_processes import ROOT
from compound.schemas.errors import SpecError

_PACKAGES = {"PIL", "numpy", "pandas", "pyarrow", "pydantic", "ray", "safetensors", "torch", "yaml"}
"""What Ray and Compound import in every worker, beside what this process has of Python's own."""


class _WithoutUsersFolder(list[str]):
    """Folders for the path of workers; of those that Ray adds, only the one that has Compound."""

    def extend(self, folders: Iterable[str]) -> None:
        super().extend(folder for folder in folders if Path(folder) == Path(ROOT))


def job_config() -> JobConfig:
    """Return the settings of a connection whose workers import nothing from the working folder.

    The code of a user is imported from the folders that `--allow-import` grants. A submitted job
    has Compound in its runtime environment, and an installed one needs no folder of its own: before
    the standard library, site-packages would replace parts of it.
    """
    installed = ROOT in (*site.getsitepackages(), site.getusersitepackages())
    needless = installed or RAY_JOB_CONFIG_JSON_ENV_VAR in os.environ
    config = JobConfig()
    # Its constructor would replace an empty list.
    config._py_driver_sys_path = _WithoutUsersFolder([] if needless else [ROOT])
    return config


def check_uploaded(folder: Path) -> None:
    """Raise SpecError where a folder to be uploaded has a module that hides a needed one."""
    hiding = [path for path in _modules(folder) if _hides(path, folder)]
    if hiding:
        raise SpecError(
            f"Ray's workers would import this in place of the module '{_name(hiding[0])}'",
            where=str(hiding[0]),
            allowed="any other name",
            next_step="rename it, or upload another folder with --working-dir",
        )


def _modules(folder: Path) -> list[Path]:
    """Return the modules and packages that lie in a folder."""
    packages = [path.parent for path in folder.glob("*/__init__.py")]
    return sorted([*folder.glob("*.py"), *packages])


def _hides(path: Path, folder: Path) -> bool:
    if _name(path) == "compound":
        # A clone of Compound is uploaded as it is.
        return not (path / "orchestrator" / "__main__.py").exists()
    return _name(path) in _PACKAGES or _name(path) in sys.stdlib_module_names & set(sys.modules)


def _name(path: Path) -> str:
    return path.name.removesuffix(".py")
