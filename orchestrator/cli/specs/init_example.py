"""`compound init --example NAME`: the examples that are shipped, with the files that they need."""

from collections.abc import Iterator
from functools import reduce
from importlib.resources import files
from importlib.resources.abc import Traversable
from operator import truediv
from pathlib import Path

from compound.jobs.wording.os_errors import refused_as
from compound.orchestrator.cli.printing.output import note, print_table, say
from compound.orchestrator.cli.specs.init import refuse_existing, write_spec
from compound.orchestrator.wording.commands import command
from compound.orchestrator.wording.numbers import closest
from compound.schemas.errors import SpecError

_FILES = {
    "quickstart": ("data/fashion-mnist", "data/LICENSE", "data/README.md"),
    "factory": ("small_resnet.py",),
}
"""What an example needs beside its spec, below the folder of examples."""
_TARGETS = {"data": Path("examples/data")}
"""Where such files go, as the specs name them, from the folder that the command runs in."""
_EDITORS = "# yaml-language-server:"


def init(path: Path | None, name: str | None, *, force: bool) -> None:
    """Write an example and its files; without a name list all. SpecError: no such example."""
    if name is None:
        _list()
        return
    example = _named(name)
    target = path or Path(f"{name}.yaml")
    again = command("init", ("another-name.yaml",), (), example=name)
    refuse_existing(target, again, force=force)
    text = example.read_text(encoding="utf-8").replace(f"examples/{name}.yaml", str(target))
    copied = [written for file in _FILES.get(name, ()) for written in _copied(file, target.parent)]
    write_spec(target, _without_schema(text), force=force)
    say(f"wrote {target}", *(f"wrote {file}" for file in copied))
    for line in about(text):
        note(line)
    code = "factory:" in text
    say(f"next: {command('plan', (target,), (), allow_import=code)}")


def examples() -> dict[str, Traversable]:
    """Return the specs by name, in a checkout as in an installed package."""
    folder = files("compound.examples")
    specs = {file.name: file for file in folder.iterdir() if file.name.endswith(".yaml")}
    return {name.removesuffix(".yaml"): specs[name] for name in sorted(specs)}


def about(text: str) -> Iterator[str]:
    """Yield what an example says of itself above its first key."""
    for line in text.splitlines():
        if not line.startswith("#"):
            return
        if not line.startswith(_EDITORS):
            yield line.removeprefix("# ")


def _list() -> None:
    rows = [
        (name, " ".join(about(file.read_text(encoding="utf-8"))).partition(": ")[0].split(". ")[0])
        for name, file in examples().items()
    ]
    print_table("examples", ("name", "about"), rows)
    say(f"next: {command('init', example='quickstart')}")


def _named(name: str) -> Traversable:
    specs = examples()
    if name not in specs:
        raise SpecError(
            f"no example is called {name!r}{closest(name, specs)}",
            where="--example",
            allowed=", ".join(specs),
            next_step=command("init", examples=True),
        )
    return specs[name]


def _without_schema(text: str) -> str:
    """Return a spec without the line that names a schema beside it, which is not copied."""
    return "".join(line for line in text.splitlines(keepends=True) if not line.startswith(_EDITORS))


def _copied(file: str, beside: Path) -> Iterator[Path]:
    """Copy a file or a folder of examples; yield what was not there. SpecError: it cannot be."""
    source: Traversable = reduce(truediv, file.split("/"), files("compound.examples"))
    first, _, rest = file.partition("/")
    target = _TARGETS[first] / rest if rest else beside / file
    if source.is_dir():
        pairs = [(entry, target / entry.name) for entry in source.iterdir()]
    else:
        pairs = [(source, target)]
    for entry, copy in pairs:
        if not copy.exists():
            _write(entry, copy)
            yield copy


def _write(entry: Traversable, target: Path) -> None:
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(entry.read_bytes())
    except OSError as error:
        raise refused_as(SpecError, "cannot write", target, error) from None
