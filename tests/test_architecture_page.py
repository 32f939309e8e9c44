"""The page on architecture: every command opens the file that it names, and its links exist."""

import re
import subprocess

import pytest

from tests.support.house import LAYERS, ROOT

PAGE = (ROOT / "docs" / "explanation" / "architecture.md").read_text()
WISHES = re.findall(r"^\| ([^|]+) \| `([^`]+)` \| \[([^\]]+)\]", PAGE, re.M)


def test_the_page_answers_ten_wishes() -> None:
    assert len(WISHES) == 10


@pytest.mark.parametrize(("wish", "command", "path"), WISHES, ids=[wish for wish, *_ in WISHES])
def test_a_wish_opens_its_file_alone(wish: str, command: str, path: str) -> None:
    """In a copy without git the same search runs by grep over the same folder."""
    _, pattern, folder = re.fullmatch(r"git grep -n ('?)(.+?)\1 (\S+)", command).groups()
    grep = ["grep", "-rn", "--include=*.py", pattern, folder]
    printed = subprocess.run(grep, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert {line.partition(":")[0] for line in printed.splitlines()} == {path}, wish


def test_every_room_and_link_exists() -> None:
    links = re.findall(r"\]\((\.\./[^)]+)\)", PAGE)
    rooms = re.findall(rf"`((?:{'|'.join(LAYERS)})/[\w/.]*)`", PAGE)
    missing = [link for link in links if not (ROOT / "docs" / "explanation" / link).exists()]
    missing += [room for room in rooms if not (ROOT / room).exists()]
    assert links and rooms and not missing
