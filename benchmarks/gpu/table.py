"""A session's lines as a table in Markdown: what was expected beside what was measured."""

from collections.abc import Sequence
from typing import Any

from benchmarks.gpu.runner import Line


def table(lines: Sequence[Line]) -> str:
    """Return the table, a row for each figure; a part that failed has a row that says so."""
    rows = ["| part | figure | expected | measured | |", "|---|---|---|---|---|"]
    for line in lines:
        rows += _rows(line)
    total = sum(line.get("seconds", 0) for line in lines)
    right = sum(line["ok"] for line in lines)
    return "\n".join([*rows, "", f"{right} of {len(lines)} parts as expected, {total:.0f} s.", ""])


def _rows(line: Line) -> list[str]:
    head = f"{line['part']} {line.get('title', '')} ({line.get('seconds', 0):.0f} s)"
    measured, expected = line.get("measured", {}), line.get("expected", {})
    rows = []
    shown = {name: value for name, value in measured.items() if name != "host"}  # a page of facts
    for row, (name, value) in enumerate(shown.items()):
        mark = "**no**" if name in line.get("wrong", ()) else ""
        cells = [head if row == 0 else "", name, expected.get(name, ""), _text(value), mark]
        rows.append(f"| {' | '.join(map(_cell, cells))} |")
    if "error" in line:
        rows.append(f"| {'' if rows else head} | ended | | {_cell(line['error'])} | **no** |")
    return rows


def _text(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key} {_text(item)}" for key, item in value.items())
    if isinstance(value, list):
        return ", ".join(map(_text, value))
    return f"{value:,.4g}" if isinstance(value, float) else str(value)


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")[:300]
