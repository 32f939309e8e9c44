"""The limits that people name on a command line: `5M`, `1.5G`, `20ms`, `40h`, `85%`, `16x`."""

import re
from collections.abc import Mapping
from math import isfinite

from compound.orchestrator.answer.answer_text import multiple_text
from compound.orchestrator.wording.numbers import short
from compound.schemas.answer import AnswerRow, Limit, LimitName
from compound.schemas.errors import SpecError

_NUMBER = r"[0-9]{1,3}(?:,[0-9]{3})+|[0-9][0-9_]*\.?[0-9]*(?:e[+-]?[0-9]+)?|\.[0-9]+"
_AMOUNT = re.compile(rf"\s*({_NUMBER})\s*([a-z%]*)\s*", re.I)
_COUNTS = {"": 1.0, "k": 1e3, "m": 1e6, "g": 1e9, "b": 1e9}
_HOURS = {"": 1.0, "h": 1.0, "min": 1 / 60, "s": 1 / 3600, "d": 24.0}
UNITS: Mapping[LimitName, Mapping[str, float]] = {
    "gpu_hours": _HOURS,
    "cpu_hours": _HOURS,
    "params": _COUNTS,
    "macs": _COUNTS,
    "latency": {"ms": 1e-3, "s": 1.0, "us": 1e-6},
    "multiple": {"": 1.0, "x": 1.0},
    "accuracy": {"": 1.0, "%": 0.01},
}
"""Units by limit, in lower case, with what they multiply a number by."""
_HOURS_ALLOWED = "hours above 0, such as 40, 40h, 90min, 45s or 2d"
ALLOWED: Mapping[LimitName, str] = {
    "gpu_hours": _HOURS_ALLOWED,
    "cpu_hours": _HOURS_ALLOWED,
    "params": "a number above 0, such as 5M or 350k",
    "macs": "a number above 0, such as 1.5G or 400M",
    "latency": "a time above 0 with its unit, such as 20ms or 0.02s",
    "multiple": "a ratio of cost above 0, such as 16 or 16x",
    "accuracy": "a fraction between 0 and 1, or percent: 0.85 or 85%",
}


def option_of(name: LimitName) -> str:
    """Return the option that sets a limit."""
    return f"--{name.replace('_', '-')}"


def parsed(name: LimitName, text: str) -> Limit:
    """Return a limit. SpecError: the text is no such number, or has no such unit."""
    match = _AMOUNT.fullmatch(text)
    unit = match[2].lower() if match else ""
    if match is None or unit not in UNITS[name]:
        raise _refused(name, text)
    value = float(match[1].replace(",", "")) * UNITS[name][unit]
    if not isfinite(value) or value <= 0 or (name == "accuracy" and value >= 1):
        raise _refused(name, text)
    return Limit(name=name, value=value)


def _refused(name: LimitName, text: str) -> SpecError:
    message = f"'{text}' is no limit on {_NAMES[name]}"
    step = f"type {option_of(name)} {_EXAMPLES[name]}, for instance"
    return SpecError(message, where=option_of(name), allowed=ALLOWED[name], next_step=step)


_EXAMPLES: Mapping[LimitName, str] = {
    "gpu_hours": "2.5h",
    "cpu_hours": "2.5h",
    "params": "5M",
    "macs": "1.5G",
    "latency": "20ms",
    "multiple": "16x",
    "accuracy": "85%",
}
_NAMES: Mapping[LimitName, str] = {
    "gpu_hours": "hours of training",
    "cpu_hours": "hours of training",
    "params": "parameters",
    "macs": "MACs",
    "latency": "latency",
    "multiple": "the multiple of cost",
    "accuracy": "accuracy",
}


def amount_of(name: LimitName, row: AnswerRow, latency: float | None = None) -> float | None:
    """Return what a network takes of a limit's kind; None where that is not known."""
    amounts: dict[LimitName, float | None] = {
        "gpu_hours": row.training.hours if row.training else None,
        "cpu_hours": row.training.hours if row.training else None,
        "params": row.params,
        "macs": row.macs,
        "latency": latency,
        "multiple": row.ratio,
        "accuracy": row.score,
    }
    return amounts[name]


def written(name: LimitName, value: float, unit: str = "GPU-hours") -> str:
    """Write an amount of a limit's kind; `unit` is of hours."""
    hours = f"{value:,.3g} {unit}" if value < 1000 else f"{value:,.0f} {unit}"
    texts: dict[LimitName, str] = {
        "gpu_hours": hours,
        "cpu_hours": hours,
        "params": f"{short(value)} params",
        "macs": f"{short(value)} MACs",
        "latency": f"{1000 * value:.3g} ms",
        "multiple": f"{multiple_text(value)} the compute",
        "accuracy": f"{100 * value:.4g} %",
    }
    return texts[name]
