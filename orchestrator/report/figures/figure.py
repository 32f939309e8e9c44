"""A figure as plain data, and its place in a page: report and live page draw the same ones.

`static/figures.js` draws it with the plotly.js beside it. Names are plotly's.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from math import isfinite
from typing import Any

from markupsafe import Markup, escape

from compound.jobs.wording.printable import printable

Trace = dict[str, Any]
"""Marks of one name: x and y, and how they look."""


@dataclass(frozen=True)
class Figure:
    """Traces and their layout. Colours of text, grid and paper are the page's.

    `height` of the layout is without a legend under the axis, which gets the room that it needs.
    """

    data: tuple[Trace, ...]
    layout: Mapping[str, Any]
    alt: str
    """What a reader sees, in a sentence or two, for those who do not."""
    narrow: Mapping[str, Any] = field(default_factory=dict)
    """What of the layout differs where there is little width, as on a telephone."""
    choices: tuple[Mapping[str, Any], ...] = ()
    """Views under a button each: `label`, and what differs in `layout` and in `data` by trace."""
    columns: tuple[str, ...] = ()
    """Heads of the table of numbers, whose rows are the points' `customdata`; by default the table
    has series, `customdata` as name of the point, x, y and the ends of error bars."""

    def document(self) -> dict[str, Any]:
        """Return what the page draws, as JSON's kinds. Texts in it are printable."""
        parts = {"narrow": self.narrow, "choices": self.choices, "columns": self.columns}
        written = {key: value for key, value in parts.items() if value}
        whole = {"data": self.data, "layout": self.layout, "alt": self.alt, **written}
        return {key: _plain(value) for key, value in whole.items()}


def scatter(x: Sequence[Any], y: Sequence[Any], **marks: Any) -> Trace:
    """Return a trace of points or of a line."""
    return {"type": "scatter", "x": [*x], "y": [*y], **marks}


def figure(
    data: Iterable[Trace | None],
    height: int,
    alt: str,
    *,
    narrow: Mapping[str, Any] | None = None,
    choices: Sequence[Mapping[str, Any]] = (),
    columns: Sequence[str] = (),
    **layout: Any,
) -> Figure:
    """Return a figure; traces that are None are left out."""
    margin = {"l": 64, "r": 20, "t": 24, "b": 56}
    traces = tuple(trace for trace in data if trace is not None)
    whole = {"height": height, "margin": margin, **layout}
    return Figure(traces, whole, alt, narrow or {}, tuple(choices), tuple(columns))


def embedded(value: object) -> Markup:
    """Return JSON that cannot end its script element. ValueError: NaN or infinity in it."""
    text = json.dumps(value, allow_nan=False, separators=(",", ":"))
    for sign in "<>&\u2028\u2029":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return Markup(text)  # noqa: S704 - all HTML metacharacters are escaped above


def figure_element(name: str, drawn: Figure) -> Markup:
    """Return the HTML element of a figure, with its data; `name` is unique in a page."""
    document = drawn.document()
    return Markup(  # noqa: S704 - its parts are escaped
        f'<figure class="chart" id="figure-{escape(name)}"><figcaption>{escape(document["alt"])}'
        f'</figcaption><div class="plot"></div><script type="application/json" '
        f'data-figure="{escape(name)}">{embedded(document)}</script></figure>'
    )


def _plain(value: Any) -> Any:
    """Return a value of JSON's kinds; what is not a number becomes None, which is not drawn.

    A browser obeys marks of direction, so texts are printable. Seven digits are finer than pixels.
    """
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, float):
        return float(f"{value:.7g}") if isfinite(value) else None
    return printable(value) if isinstance(value, str) else value
