"""Files beside a factory with the names of modules of Python, or of packages that Compound needs.

A factory's folders are searched first, so such a file would be imported in place of the module, by
torch or by Compound, when it is first needed. Here the module is found, and the file never is.
"""

import logging
import re
import sys
import sysconfig
from collections.abc import Container, Iterable, Iterator, Sequence
from functools import cache
from importlib import metadata
from importlib.machinery import (
    BYTECODE_SUFFIXES,
    EXTENSION_SUFFIXES,
    SOURCE_SUFFIXES,
    ExtensionFileLoader,
    FileFinder,
    ModuleSpec,
    SourceFileLoader,
    SourcelessFileLoader,
)
from pathlib import Path
from types import ModuleType

from compound.jobs.runtime.distribution import DISTRIBUTION

_log = logging.getLogger(__name__)

_REQUIREMENT = re.compile(r"[\w.-]+")
_ROOTS = (DISTRIBUTION, "pyarrow", "pydantic", "ray", "safetensors", "scikit-learn", "torch")
"""Distributions whose requirements are needed. An uploaded folder is no distribution."""

_TRIED = {
    "IPython",
    "cupy",
    "matplotlib",
    "numba",
    "pandas",
    "polars",
    "tensorflow",
    "tqdm",
    "triton",
}
"""What required packages import where it is installed, and do without where it is not."""

_LOADERS = (
    (ExtensionFileLoader, EXTENSION_SUFFIXES),
    (SourceFileLoader, SOURCE_SUFFIXES),
    (SourcelessFileLoader, BYTECODE_SUFFIXES),
)
"""What Python's own finder of a folder loads."""


class _Unshadowed(FileFinder):
    """Finds what lies in a folder, but for some names."""

    def __init__(self, folder: str, hidden: Container[str]) -> None:
        super().__init__(folder, *_LOADERS)
        self._hidden = hidden

    def find_spec(self, fullname: str, target: ModuleType | None = None) -> ModuleSpec | None:
        """Find a module; None: it is not here, or must not be found here."""
        return None if fullname in self._hidden else super().find_spec(fullname, target)


class FoldersHook:
    """Lets Python find in the folders of a factory what does not hide a needed module."""

    def __init__(self, folders: Iterable[str]) -> None:
        self.folders = {Path(folder).resolve() for folder in folders}
        files = [file for folder in sorted(self.folders - _pythons()) for file in _modules(folder)]
        self.files = {_name(file): file for file in files if _hides(file)}
        """The user's files that are never imported, by the module of the same name."""

    def __call__(self, folder: str) -> _Unshadowed:
        """Return the finder of an entry of sys.path. ImportError: it is none of these folders."""
        if Path(folder).resolve() not in self.folders:
            raise ImportError(f"not a folder of a factory: {folder}")
        return _Unshadowed(folder, self.files)


def find_needed_elsewhere(folders: Sequence[str]) -> None:
    """Let no file in these folders hide a needed module; tell which files are never imported."""
    hook = FoldersHook(folders)
    if not hook.files or any(hook.folders <= earlier.folders for earlier in _hooks()):
        return
    sys.path_hooks.insert(0, hook)
    # Python remembers the finder of every folder that it has looked into.
    for entry in list(sys.path_importer_cache):
        if Path(entry).resolve() in hook.folders:
            del sys.path_importer_cache[entry]
    _log.warning(
        "never imported, since modules that others import have their names: %s; rename what "
        "your code imports",
        ", ".join(map(str, hook.files.values())),
    )


def shadowed(module: str) -> str:
    """Say which file of the user has the name of this module; "" if none is left out for it."""
    name = module.partition(".")[0]
    for hook in _hooks():
        if name in hook.files:
            return f"{hook.files[name]} has the name of the module '{name}', which others import"
    return ""


def _hooks() -> Iterator[FoldersHook]:
    return (hook for hook in sys.path_hooks if isinstance(hook, FoldersHook))


def _name(file: Path) -> str:
    return file.name.partition(".")[0]


def _modules(folder: Path) -> list[Path]:
    """Return the modules and packages that lie in a folder."""
    packages = [path.parent for path in folder.glob("*/__init__.py")]
    return sorted([*folder.glob("*.py"), *folder.glob("*.so"), *packages])


def _pythons() -> set[Path]:
    """Return the folders of Python's own modules and of installed ones."""
    kinds = ("stdlib", "platstdlib", "purelib", "platlib")
    return {Path(sysconfig.get_path(kind)).resolve() for kind in kinds}


def _hides(file: Path) -> bool:
    """Whether a file would be imported in place of a needed module, and is not that module."""
    loaded = sys.modules.get(_name(file))
    origins = [getattr(loaded, "__file__", None), *getattr(loaded, "__path__", ())]
    itself = any(Path(origin).resolve() == file.resolve() for origin in origins if origin)
    return _needed(_name(file)) and not itself


def _needed(name: str) -> bool:
    if name in sys.stdlib_module_names or name in _TRIED:
        return True
    return any(owner in _distributions() for owner in _owners().get(name, ()))


@cache
def _owners() -> dict[str, list[str]]:
    """Return the distributions of every installed module."""
    owners = metadata.packages_distributions()
    return {module: [_plain(name) for name in names] for module, names in owners.items()}


@cache
def _distributions() -> frozenset[str]:
    """Return what Compound requires, and what that requires in its turn."""
    names, waiting = set[str](), [*_ROOTS]
    while waiting:
        name = waiting.pop()
        if name in names:
            continue
        names.add(name)
        waiting += _requirements(name)
    return frozenset(names)


def _requirements(name: str) -> list[str]:
    try:
        lines = metadata.requires(name) or ()
    except metadata.PackageNotFoundError:
        return []
    matches = (_REQUIREMENT.match(line) for line in lines if "extra ==" not in line)
    return [_plain(match[0]) for match in matches if match]


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
