"""Figures of the source: folders, names, imports. `python -m tests.support.house` prints them."""

import ast
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from statistics import median

ROOT = Path(__file__).parents[2]
LAYERS = ("schemas", "jobs", "cluster", "orchestrator")
COMMANDS = ("orchestrator/cli", "orchestrator/kinds", "schemas")
"""A file here may share its name with what it is the command, the kind or the schema of."""
_WORDS = (
    "one other others each found told given asked wanted kept known said shown taken held mine "
    "place places what here there everyone some seat seats"
)
EMPTY_NAMES = frozenset(_WORDS.split())
"""Names that do not say what they hold."""


@cache
def trees() -> Mapping[Path, ast.Module]:
    """Return every product file below the root with its syntax tree."""
    files = [path for layer in LAYERS for path in sorted((ROOT / layer).rglob("*.py"))]
    return {path.relative_to(ROOT): ast.parse(path.read_text()) for path in files}


def module_of(path: Path) -> str:
    """Return the dotted name of a product file."""
    return ".".join(("compound", *path.with_suffix("").parts)).removesuffix(".__init__")


def modules() -> dict[str, Path]:
    """Return the product's modules by dotted name, packages left out."""
    return {module_of(path): path for path in trees() if path.stem != "__init__"}


def folders() -> Counter[str]:
    """Return the number of files in each folder, `__init__.py` left out."""
    return Counter(str(path.parent) for path in modules().values())


def repeated_names() -> dict[str, list[str]]:
    """Return file names that stand for different things, with their folders."""
    by_name: dict[str, list[str]] = {}
    for path in modules().values():
        if path.stem != "__main__" and not str(path.parent).startswith(COMMANDS):
            by_name.setdefault(path.name, []).append(str(path.parent))
    return {name: where for name, where in by_name.items() if len(where) > 1}


def bound_names(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Yield line and name of every parameter, variable, function and class that a file binds."""
    for node in ast.walk(tree):
        match node:
            case ast.arg(arg=name) | ast.Name(id=name, ctx=ast.Store()):
                yield node.lineno, name
            case ast.Attribute(attr=name, ctx=ast.Store()):
                yield node.lineno, name
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                yield node.lineno, name
            case ast.ClassDef(name=name):
                yield node.lineno, name


def empty_names() -> list[str]:
    """Return `file:line name` of every bound name that does not say what it holds."""
    return [
        f"{path}:{line} {name}"
        for path, tree in trees().items()
        for line, name in bound_names(tree)
        if name.strip("_").lower() in EMPTY_NAMES
    ]


def imports_of(
    tree: ast.AST, product: Mapping[str, Path], *, in_functions: bool = False
) -> set[str]:
    """Return the product's modules that a file imports; those for types alone are left out."""
    targets: set[str] = set()
    for node in _nodes(tree, in_functions):
        if isinstance(node, ast.Import):
            targets |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names = {f"{node.module}.{alias.name}" for alias in node.names}
            targets |= {name if name in product else str(node.module) for name in names}
    return targets & set(product)


def _nodes(tree: ast.AST, in_functions: bool) -> Iterator[ast.AST]:
    """Walk what runs when a module is imported, or later in its functions too."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and not in_functions:
            continue
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
            continue
        yield node
        yield from _nodes(node, in_functions)


def import_graph() -> dict[str, set[str]]:
    """Return the modules that each module imports when it is imported."""
    product = modules()
    return {name: imports_of(trees()[path], product) - {name} for name, path in product.items()}


def longest_chain() -> list[str]:
    """Return the longest path in the graph of imports. RecursionError: there is a circle."""
    graph = import_graph()

    @cache
    def chain(name: str) -> tuple[str, ...]:
        below = max((chain(target) for target in graph[name]), key=len, default=())
        return (name, *below)

    return list(max(map(chain, graph), key=len))


def loaded_by(module: str) -> set[str]:
    """Return the product's modules that a process has after it imported a module."""
    code = f"import sys, {module}; print(*(m for m in sys.modules if m.startswith('compound.')))"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    )
    return set(done.stdout.split()) & set(modules())


_RUN = """
import atexit, runpy, sys
out = sys.argv.pop(1)
atexit.register(lambda: open(out, "w").write(" ".join(sys.modules)))
runpy.run_module("compound", run_name="__main__", alter_sys=True)
"""


def loaded_in_a_run(runner: str) -> set[str]:
    """Return the product's modules that the process of a real run has when it ends."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "modules"
        command = [sys.executable, "-c", _RUN, str(out), "run", "examples/quickstart.yaml"]
        options = ["--fast-dev-run", "--runner", runner, "--set", f"store={folder}/runs"]
        subprocess.run([*command, *options], capture_output=True, check=True, cwd=ROOT)
        return set(out.read_text().split()) & set(modules())


def functions() -> Iterator[tuple[str, int, bool]]:
    """Yield every function's place, lines, and whether all of it is annotated."""
    for path, tree in trees().items():
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                lines = (node.end_lineno or node.lineno) - node.lineno + 1
                yield f"{path}:{node.lineno} {node.name}", lines, _annotated(node)


def _annotated(node: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    every = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
    plain = [arg for arg in every if arg.annotation is None and arg.arg not in ("self", "cls")]
    return not plain and node.returns is not None


def kind_tests() -> list[str]:
    """Return every place that asks which kind a spec or a plan is."""
    kinds = {"StudySpec", "TrainSpec", "Plan", "Variant"}
    return [
        f"{path}:{node.lineno}"
        for path, tree in trees().items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "isinstance"
        if {name.id for name in ast.walk(node.args[1]) if isinstance(name, ast.Name)} & kinds
    ]


def files_that_name(word: str, without: tuple[str, ...]) -> list[str]:
    """Return the product files, outside some folders, whose code has a name with this word."""
    return [
        str(path)
        for path, tree in trees().items()
        if not str(path).startswith(without) and any(word in name for name in _names(tree))
    ]


def _names(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        match node:
            case ast.Name(id=name) | ast.Attribute(attr=name) | ast.arg(arg=name):
                yield name
            case ast.alias(name=name) | ast.keyword(arg=str(name)):
                yield name
            case ast.Constant(value=str(name)) if name.isidentifier():
                yield name


def comment_share() -> float:
    """Return the lines that hold only a comment over all lines."""
    lines = [line for path in trees() for line in (ROOT / path).read_text().splitlines()]
    return sum(line.lstrip().startswith("#") for line in lines) / len(lines)


def figures() -> dict[str, str]:
    """Return what the layer test holds, as text by name."""
    sizes, bound = folders(), sum(1 for tree in trees().values() for _ in bound_names(tree))
    lengths, annotated = zip(*((n, full) for _, n, full in functions()), strict=True)
    chain, count = longest_chain(), len(modules())
    loaded = len(loaded_by("compound.orchestrator.cli.study.run"))
    empty = len(empty_names())
    return {
        "files in a folder, median / max": f"{median(sizes.values()):g} / {max(sizes.values())}",
        "file names used for different things": str(len(repeated_names())),
        "bound names that say nothing": f"{empty} of {bound} ({empty / bound:.2%})",
        "longest import chain": f"{len(chain)} modules",
        "modules that `compound run` imports before it starts": _share(loaded, count),
        "modules that a whole local run imports": _share(len(loaded_in_a_run("local")), count),
        "isinstance on kinds of spec or plan": str(len(kind_tests())),
        "files that name shard outside the strategy and the stored format": str(
            len(files_that_name("shard", ("jobs/parallel", "jobs/store")))
        ),
        "function median / over 50 lines": f"{median(lengths):g} / {sum(n > 50 for n in lengths)}",
        "annotated functions": f"{sum(annotated) / len(annotated):.1%}",
        "lines that are comments": f"{comment_share():.1%}",
    }


def _share(part: int, whole: int) -> str:
    return f"{part} of {whole} ({part / whole:.0%})"


if __name__ == "__main__":
    for name, figure in figures().items():
        sys.stdout.write(f"{name:66}{figure}\n")
