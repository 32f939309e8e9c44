"""Child processes that run a module of Compound: their command and their environment.

A child has to import the same `compound` as its parent, from any working folder. That folder may
hold files of the user, such as jobs.py, random.py or typing.py, and none of them may be imported.
"""

import os
import site
import sys
from pathlib import Path

# Not by compound.__file__: where the working folder holds a plain folder `compound`, an editable
# install makes a namespace of both, which has none.
ROOT = str(Path(__file__).absolute().parents[3])
"""The folder that `compound` is imported from: a checkout, an uploaded folder or site-packages."""


def module_command(module: str, *arguments: str) -> list[str]:
    """Return the command that runs a module under this interpreter."""
    return [sys.executable, "-m", module, *arguments]


def child_environment(**variables: str) -> dict[str, str]:
    """Return this process's environment in which a child finds `compound`, with `variables`.

    Factories of users are not found through it: they are imported from the folders that
    `--allow-import` grants (see compound.jobs.models.user_code).
    """
    return {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(_search_path()),
        # `python -m` puts the working folder before the standard library: a user's typing.py would
        # end the child before its first line. The variable does what the option -P does (Python
        # 3.11), and reaches the ranks that torch's launcher starts in its turn.
        "PYTHONSAFEPATH": "1",
        **variables,
    }


def _search_path() -> list[str]:
    # An empty entry of PYTHONPATH means the working folder, as in `PYTHONPATH=/a:$PYTHONPATH`.
    entries = [entry for entry in os.environ.get("PYTHONPATH", "").split(os.pathsep) if entry]
    # Not site-packages: PYTHONPATH comes before the standard library, which a backport there would
    # then replace.
    if ROOT in (*site.getsitepackages(), site.getusersitepackages()):
        return entries
    # Ray's workers get the folder from their driver, and not by PYTHONPATH. It goes last, since a
    # checkout also holds `schemas` and `jobs`, but before an entry that has another Compound.
    owners = [
        index for index, entry in enumerate(entries) if Path(entry, "compound/__init__.py").exists()
    ]
    entries.insert(owners[0] if owners else len(entries), ROOT)
    return entries
