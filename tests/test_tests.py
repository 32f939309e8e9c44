"""No test imports another test or `benchmarks/`: what tests share is in tests/support/."""

import ast
from pathlib import Path

ROOT = Path(__file__).parent.parent
LONGEST = 300


def imported(path: Path) -> set[str]:
    """Return the modules that a file imports, wherever in it."""
    tree = ast.parse(path.read_text())
    plain = {a.name for n in ast.walk(tree) if isinstance(n, ast.Import) for a in n.names}
    nodes = [n for n in ast.walk(tree) if isinstance(n, ast.ImportFrom) and n.module]
    return plain | {n.module or "" for n in nodes} | {
        f"{n.module}.{a.name}" for n in nodes for a in n.names
    }  # fmt: skip


def test_no_test_imports_another_test_or_a_benchmark() -> None:
    wrong = {
        str(path.relative_to(ROOT)): name
        for path in (ROOT / "tests").rglob("*.py")
        for name in imported(path)
        if name.partition(".")[0] == "benchmarks"
        or any(part.startswith("test_") for part in name.split(".")[1:])
        or name == "tests.conftest"
    }
    assert not wrong


def test_support_code_is_in_one_place_and_in_short_files() -> None:
    tests = ROOT / "tests"
    elsewhere = {
        str(path.relative_to(tests))
        for path in tests.rglob("*.py")
        if not path.name.startswith("test_") and path.relative_to(tests).parts[0] != "support"
    }
    assert elsewhere <= {"conftest.py", "orchestrator/live/conftest.py", "stores/make.py"}
    long = {
        str(path.relative_to(tests)): lines
        for path in (tests / "support").rglob("*.py")
        if (lines := path.read_text().count("\n")) > LONGEST
    }
    assert not long
