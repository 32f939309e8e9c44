"""`report --open`: a browser where there is one, else where the page lies."""

from pathlib import Path

import pytest

from tests.support.command import compound
from tests.support.stored_studies import PUBLISHED, published


def test_the_report_is_opened_or_its_place_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ["report", PUBLISHED, "--store", published(tmp_path), "--open"]
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER"):
        monkeypatch.delenv(name, raising=False)
    done = compound(*words)
    page = Path(done.stdout.strip())
    assert done.returncode == 0 and page.is_file()
    assert f"open {page.resolve()}" in done.stderr
    opened = tmp_path / "opened"
    browser = tmp_path / "browser"
    browser.write_text(f'#!/bin/sh\necho "$1" > {opened}\n')
    browser.chmod(0o755)
    monkeypatch.setenv("BROWSER", f"{browser} %s")
    assert "not opened" not in compound(*words).stderr
    assert opened.read_text().strip() == page.resolve().as_uri()
