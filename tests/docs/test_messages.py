"""Every message that the page on troubleshooting quotes is in the source."""

import ast
import re

import pytest

from tests.support.house import trees
from tests.support.pages import DOCS

PAGE = (DOCS / "how-to" / "troubleshooting.md").read_text()
MESSAGES = list(re.findall(r"^\| `([^`]+)` \|", PAGE, re.M))


@pytest.fixture(scope="module")
def texts() -> str:
    """Return all texts of the source; what stands for a value parts them."""
    parts = (
        node.value
        for tree in trees().values()
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    )
    return "\n".join(parts)


@pytest.mark.parametrize("message", MESSAGES)
def test_a_quoted_message_is_in_the_source(message: str, texts: str) -> None:
    pieces = [piece.strip(" ,:") for piece in message.split("...")]
    missing = [piece for piece in pieces if piece and piece not in texts]
    assert not missing


def test_the_page_has_the_errors_of_every_kind() -> None:
    assert len(MESSAGES) >= 40
