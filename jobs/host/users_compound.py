"""A file of the user that is called as Compound is, in the working folder.

`python -m` and torch's launcher import from the working folder first, so there they would run that
file. The command `compound`, and the processes that it starts, do not look there.
"""

from pathlib import Path

WAY_OUT = "compound run ... (the command), python -P -m compound, or export PYTHONSAFEPATH=1"
"""What is not affected; torchrun and its ranks read the variable (Python 3.11)."""
_NAMES = ("compound.py", "compound/__init__.py")


def users_compound(folder: Path) -> str:
    """Say which file would be run in place of Compound; "" where there is none."""
    for name in _NAMES:
        path = folder / name
        # A clone of Compound is what it is called.
        if path.exists() and not (path.parent / "orchestrator" / "__main__.py").exists():
            return (
                f"{path} is what `python -m compound` and torchrun -m compound.jobs would run in "
                "this folder, not Compound"
            )
    return ""
