"""The import root: holds the four layers, in a checkout as links to the folders beside it."""

import os

# Not pathlib: what handles signals is imported after this, and as soon as can be.
_here = os.path.dirname(__file__)
# Archives in zip format and some systems do not keep links: the folders beside it then do as well.
if not os.path.isdir(f"{_here}/schemas") and os.path.isdir(f"{_here}/../schemas"):
    __path__.append(os.path.dirname(_here))
