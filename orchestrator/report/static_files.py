"""The files that report and live page share: plotly.js, what draws figures, and styles."""

from pathlib import Path

STATIC = Path(__file__).parent / "static"
PLOTLY = "plotly-basic.min.js"
PLOTLY_VERSION = "4.1.1"
PLOTLY_SHA256 = "99784e3abfb07b142a15e521a439e6d9addceadb3f79553fd24c72774f0649ba"
"""Of npm's plotly.js-basic-dist-min (MIT, plotly-LICENSE.txt), unchanged."""
EMPTY_STYLE = "'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='"
"""For `style-src-elem`: plotly.js adds an empty style element, and its rules one by one."""


def static_text(name: str) -> str:
    """Return a file of `static/`."""
    return (STATIC / name).read_text(encoding="utf-8")
