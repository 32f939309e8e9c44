"""What a part tells while it runs: each figure at once, so that a part that is killed told some."""

import json
import math
from typing import Any, TextIO

from pydantic import BaseModel

DIGITS = 4


class Figure(BaseModel):
    """One figure, with what was expected of it."""

    name: str
    value: Any
    expected: str = ""
    ok: bool | None = None
    """None: there is nothing that it has to be, or not on this device."""


class Recorder:
    """Writes figures as lines of JSON."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def tell(self, name: str, value: Any, expected: str = "", ok: bool | None = None) -> None:
        """Write a figure; floats are rounded to four digits."""
        figure = Figure(name=name, value=rounded(value), expected=expected, ok=ok)
        self._line(figure.model_dump())

    def end(self, error: str = "") -> None:
        """Write that there is no more, and why, where it is an error."""
        self._line({"end": error})

    def _line(self, content: dict[str, Any]) -> None:
        self._stream.write(json.dumps(content) + "\n")
        self._stream.flush()


def rounded(value: Any) -> Any:
    """Return a value that JSON can hold, its floats rounded."""
    if isinstance(value, dict):
        return {str(key): rounded(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [rounded(item) for item in value]
    if isinstance(value, float):
        return float(f"{value:.{DIGITS}g}") if math.isfinite(value) else str(value)
    return value if isinstance(value, str | int | bool | None) else str(value)
