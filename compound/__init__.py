"""The import root: holds the four layers, in a checkout as links to the folders beside it."""

from pathlib import Path

_here = Path(__file__).parent
# Archives in zip format and some systems do not keep links: the folders beside it then do as well.
if not (_here / "schemas").is_dir() and (_here.parent / "schemas").is_dir():
    __path__.append(str(_here.parent))
