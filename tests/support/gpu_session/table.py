"""A session's lines as a table in Markdown: what was expected beside what was measured."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TextIO

from tests.support.gpu_session.parts import PARTS
from tests.support.gpu_session.runner import Line

_HEADS = {
    "cuda": "On a GPU",
    "cpu": "REHEARSAL on a CPU, which is not judged on speeds, waits and memory of a device",
    "": "On a device that the lines do not name",
}


def read(path: Path) -> tuple[list[Line], int]:
    """Return the lines of a file, and how many others it has: a lost machine cuts the last one."""
    texts = path.read_text(encoding="utf-8", errors="replace").splitlines()
    lines = [line for text in texts if text.strip() and (line := _parsed(text))]
    return lines, sum(bool(text.strip()) for text in texts) - len(lines)


def _parsed(text: str) -> Line | None:
    try:
        line = json.loads(text)
    except ValueError:
        return None
    whole = isinstance(line, dict) and isinstance(line.get("part"), str) and "ok" in line
    return line if whole else None


def latest(lines: Sequence[Line]) -> dict[str, list[Line]]:
    """Return the last line of each part, by kind of device."""
    kinds: dict[str, dict[str, Line]] = {}
    for line in lines:
        kinds.setdefault(line.get("kind", ""), {})[line["part"]] = line
    return {kind: list(parts.values()) for kind, parts in kinds.items()}


def right(lines: Sequence[Line]) -> bool:
    """Tell whether all parts ended as expected, each the last time that it ran."""
    return all(line["ok"] for last in latest(lines).values() for line in last)


def report(lines: Sequence[Line], cut: int) -> str:
    """Return a table for each kind of device, and what they leave out of `cut` lines and more."""
    tables, count = [], 0
    for kind, last in latest(lines).items():
        dates = sorted({line["date"] for line in last if "date" in line})
        head = ", ".join([_HEADS.get(kind, kind), *dates])
        absent = [part.name for part in PARTS if part.name not in {line["part"] for line in last}]
        text = f"Without a line: {', '.join(absent)}.\n" if absent else ""
        tables.append(f"{head}\n\n{table(last)}{text}")
        count += len(last)
    if older := len(lines) - count:
        tables.append(f"Left out: {older} lines of parts that ran again later.\n")
    if cut:
        tables.append(f"Left out: {cut} lines that are cut, or no session's.\n")
    return "\n".join(tables)


def table(lines: Sequence[Line]) -> str:
    """Return the table, a row for each figure; a part that failed has a row that says so."""
    rows = ["| part | figure | expected | measured | |", "|---|---|---|---|---|"]
    for line in lines:
        rows += _rows(line)
    total = sum(line.get("seconds", 0) for line in lines)
    good = sum(line["ok"] for line in lines)
    return "\n".join([*rows, "", f"{good} of {len(lines)} parts as expected, {total:.0f} s.", ""])


def _rows(line: Line) -> list[str]:
    head = f"{line['part']} {line.get('title', '')} ({line.get('seconds', 0):.0f} s)"
    measured, expected = line.get("measured", {}), line.get("expected", {})
    rows = []
    figures = {name: value for name, value in measured.items() if name != "host"}  # a page of facts
    for row, (name, value) in enumerate(figures.items()):
        cells = [head if row == 0 else "", name, expected.get(name, ""), _text(value)]
        rows.append(f"| {' | '.join(map(_cell, [*cells, _mark(line, name)]))} |")
    if "error" in line:
        rows.append(f"| {'' if rows else head} | ended | | {_cell(line['error'])} | **no** |")
    return rows


def _mark(line: Line, name: str) -> str:
    if name in line.get("wrong", ()):
        return "**no**"
    return "not judged" if name in line.get("unjudged", ()) else ""


def _text(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key} {_text(item)}" for key, item in value.items()) or "nothing"
    if isinstance(value, list):
        return ", ".join(map(_text, value)) or "nothing"
    return f"{value:,.4g}" if isinstance(value, float) else str(value)


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")[:300]


def opened_for_more(path: Path) -> TextIO:
    """Open a file for more lines; one that a lost machine has cut is ended first."""
    file = path.open("a+", encoding="utf-8")
    file.seek(0)
    text = file.read()
    if text and not text.endswith("\n"):
        file.write("\n")
    return file
