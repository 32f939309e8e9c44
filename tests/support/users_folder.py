"""A folder with a user's own files, whose names are those of Compound's and Python's modules."""

from pathlib import Path

NAMES = (
    "jobs.py",
    "schemas.py",
    "orchestrator.py",
    "cluster/__init__.py",
    "random.py",
    "typing.py",
)


def users_folder(root: Path) -> Path:
    """Write files that raise as soon as one of them is imported; return their folder."""
    for name in NAMES:
        file = root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"raise ImportError('the user has a {name} too')\n")
    return root
