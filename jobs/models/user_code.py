"""The border to the user's own code: importing it, and reporting its errors with its lines."""

import logging
import re
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from importlib import import_module
from inspect import signature
from pathlib import Path
from typing import Any

from torch import Tensor

from compound.jobs.models.shadowed_imports import find_needed_elsewhere, shadowed
from compound.jobs.runtime.process_exit import exits_raised
from compound.jobs.runtime.python_command import python_command
from compound.jobs.runtime.torch_settings import unchanged
from compound.jobs.runtime.users_line import LINE
from compound.schemas.errors import FactoryError

_log = logging.getLogger(__name__)

Build = Callable[..., Any]

ARGUMENTS = ("depth", "width", "resolution", "num_classes", "in_channels")
_SIGNATURE = f"def build(*, {', '.join(ARGUMENTS)}) -> nn.Module"
_ROOT = Path(__file__).parents[2]
_LAYERS = ("schemas", "jobs", "cluster", "orchestrator")
# In a checkout the root holds links to the four folders.
_OURS = (_ROOT.resolve(), *((_ROOT / layer).resolve() for layer in _LAYERS))
_INSTALLED = {"site-packages", "dist-packages"}
_LONGEST = 600
WHERE = "baseline.factory"
_MIXED = re.compile(r"not on the expected device|on the same device|at least two devices")
"""How torch says that tensors of two devices meet."""
_RENAME = "rename this file"


def load(name: str, folders: Sequence[str]) -> Build:
    """Import `package.module:function`; the folders are searched before anything installed.

    Raises FactoryError: there is no such module or function, it cannot be called as a factory is,
    or its import fails.
    """
    module_name, _, attribute = name.partition(":")
    sys.path[:0] = [folder for folder in folders if folder not in sys.path]
    find_needed_elsewhere(folders)
    if hiding := shadowed(module_name):
        raise FactoryError(hiding, where=WHERE, allowed="any other name", next_step=_RENAME)
    command = python_command(f"import {module_name}", folders)
    with factory_errors(f"importing {module_name}", folders, command):
        try:
            module = import_module(module_name)
        except ModuleNotFoundError as error:
            # A module that the user's code itself imports is missing: the error is theirs.
            if error.name is None or not f"{module_name}.".startswith(f"{error.name}."):
                raise
            raise _no_module(error.name, folders) from None
    function = getattr(module, attribute, None)
    if function is None:
        public = [key for key in vars(module) if not key.startswith("_")]
        functions = [key for key in public if callable(getattr(module, key))]
        raise FactoryError(
            f"{module_name} has no '{attribute}'",
            where=WHERE,
            allowed=", ".join(functions) or "it has no functions",
        )
    _check_callable(name, function)
    return function  # type: ignore[no-any-return]


def code_folder(name: str) -> str:
    """Return the path of an imported factory's code: its package's folder, or its file."""
    top = sys.modules[name.partition(":")[0].partition(".")[0]]
    paths = getattr(top, "__path__", None)
    return str(next(iter(paths)) if paths else top.__file__)


def _no_module(name: str, folders: Sequence[str]) -> FactoryError:
    return FactoryError(
        f"no module is called '{name}'",
        where=WHERE,
        allowed=f"a module in {' or '.join(folders)}, or an installed one",
    )


def _check_callable(name: str, function: object) -> None:
    if not callable(function):
        raise FactoryError(
            f"{name} is of type {type(function).__name__}, which cannot be called",
            where=WHERE,
            allowed=_SIGNATURE,
        )
    try:
        signature(function).bind(**dict.fromkeys(ARGUMENTS))
    except TypeError as error:
        raise FactoryError(
            f"{name} cannot be called as a factory is: {error}{defined_at(function)}",
            where=WHERE,
            allowed=_SIGNATURE,
        ) from None
    # A callable written in C may have no signature that Python can read.
    except ValueError:
        return


def defined_at(function: object) -> str:
    """Return the line where a function of the user begins, as the end of a message."""
    code = getattr(function, "__code__", None)
    return f"{LINE}{code.co_filename}:{code.co_firstlineno}, in {code.co_name}" if code else ""


def described(value: object) -> str:
    """Say what the user's code has returned."""
    if isinstance(value, Tensor):
        return f"a tensor of shape {tuple(value.shape)}"
    name = type(value).__name__
    return "nothing" if value is None else f"{'an' if name[0] in 'aeiou' else 'a'} {name}"


@contextmanager
def factory_errors(doing: str, folders: Sequence[str], alone: str = "") -> Iterator[None]:
    """Turn every exception of the user's code into a FactoryError with its message and line.

    `alone`: a command that shows the same error without Compound.
    What the code prints goes to stderr, because stdout is for answers. Settings of torch that it
    changes are restored: numbers must not depend on whether the process has imported the code.
    """
    changed: list[str] = []
    try:
        with redirect_stdout(sys.stderr), exits_raised(), unchanged() as changed:
            yield
    except FactoryError:
        raise
    except (Exception, SystemExit) as error:
        text = f"{doing}: {error_text(error, folders)}"
        raise FactoryError(text, where=WHERE, next_step=_way_out(error, alone)) from error
    finally:
        if changed:
            _log.warning(
                "%s changed %s: restored, so the change has no effect", doing, ", ".join(changed)
            )


def _way_out(error: BaseException, alone: str) -> str:
    """Return what to do about an error of the user's code."""
    text = str(error)
    if hiding := shadowed(_module_of(error)):
        return f"{hiding}: {_RENAME}"
    if isinstance(error, ModuleNotFoundError) and error.name:
        name = error.name.partition(".")[0]
        return f"pip install {name}, or put {name}.py beside the spec"
    if _MIXED.search(text):
        return (
            "a tensor in this line is on another device than the images: make it there, as in "
            "torch.arange(8, device=x.device), or register it as a buffer"
        )
    if "meta" in text or isinstance(error, NotImplementedError):
        return (
            "plans run a network without numbers, on torch's meta device: let its code depend on "
            "shapes, not on values (docs/how-to/own-network.md)"
        )
    return f"correct this line; alone: {alone}" if alone else "correct this line, then again"


def _module_of(error: BaseException) -> str:
    """Return the module that lacks what an import, or a dot, asks of it."""
    if isinstance(error, AttributeError):
        return str(getattr(error.obj, "__name__", ""))
    return (error.name if isinstance(error, ImportError) else None) or ""


def error_text(error: BaseException, folders: Sequence[str]) -> str:
    """Return an error's kind and message, and the deepest line of the user's code in it."""
    message = " ".join(str(error).split())[:_LONGEST]
    line = _line(error, [Path(folder).resolve() for folder in folders])
    head = f"{type(error).__name__}: {message}" if message else type(error).__name__
    return f"{head}{LINE}{line}" if line else head


def _line(error: BaseException, folders: Sequence[Path]) -> str:
    if isinstance(error, SyntaxError) and error.filename:
        return f"{error.filename}:{error.lineno}: {(error.text or '').strip()}"
    frames = traceback.extract_tb(error.__traceback__)
    theirs = [frame for frame in frames if _is_users(Path(frame.filename), folders)]
    if not theirs:
        return ""
    last = theirs[-1]
    return f"{last.filename}:{last.lineno}, in {last.name}: {last.line}"


def _is_users(file: Path, folders: Sequence[Path]) -> bool:
    """Whether a file lies in the user's folders, and is neither installed nor this program's."""
    file = file.resolve()
    if any(file.is_relative_to(own) for own in _OURS):
        return False
    inside = [file.relative_to(folder) for folder in folders if file.is_relative_to(folder)]
    return any(not _INSTALLED & set(path.parts) for path in inside)
