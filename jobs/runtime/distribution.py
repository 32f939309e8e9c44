"""The distribution that Compound is installed from, which has another name than its modules."""

from importlib import metadata

DISTRIBUTION = "compound-scaling"
"""Its name on package indexes, which says what is compound here; modules are `compound.*`."""


def compound_version() -> str:
    """Return Compound's version; "" where it is not installed but a folder on Python's path."""
    try:
        return metadata.version(DISTRIBUTION)
    except metadata.PackageNotFoundError:
        return ""


def extra(name: str) -> str:
    """Return the command that installs Compound with an extra."""
    return f'pip install "{DISTRIBUTION}[{name}]"'
