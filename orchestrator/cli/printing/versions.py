"""The versions that a bug report needs, read from what is installed and not by importing it."""

import platform
from importlib import metadata

from compound.jobs.runtime.distribution import compound_version

_PACKAGES = ("torch", "ray")


def version_line() -> str:
    """Return the versions of compound, Python, torch and Ray, as a line."""
    packages = [f"{name} {_version(name)}" for name in _PACKAGES]
    return ", ".join(
        [
            f"compound {compound_version() or 'not installed'}",
            f"Python {platform.python_version()}",
            *packages,
        ]
    )


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "not installed"
