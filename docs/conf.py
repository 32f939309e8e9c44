"""How Sphinx builds these pages into a site: `make docs`."""

import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]

project = "Compound"
release = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
html_title = f"Compound {release}"
extensions = ["myst_parser"]
# README.md is the first page on a forge; index.rst takes it in and adds the list of pages.
exclude_patterns = ["README.md"]
# GitHub gives every heading an anchor too.
myst_heading_anchors = 4
# Blocks without a language are what a program prints.
highlight_language = "text"
# Two hyphens are an option, not a dash.
smartquotes = False
html_theme = "furo"
html_static_path = ["_static"]
html_css_files = ["tables.css"]
html_copy_source = False
html_show_copyright = False
