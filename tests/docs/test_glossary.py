"""The glossary: in order, short, and of words that the pages use."""

import re

from tests.support.pages import DOCS, pages, prose

PAGE = DOCS / "reference" / "glossary.md"
TERMS = re.findall(r"^\| ([^|]+?) \| ([^|]+?) \|$", PAGE.read_text(), re.M)[1:]


def test_terms_are_in_order_and_explained_in_a_sentence() -> None:
    terms = [term.lower() for term, _ in TERMS]
    assert 20 <= len(terms) <= 40
    assert terms == sorted(terms)
    assert not [term for term, means in TERMS if len(means.split()) > 25]


def test_every_term_is_used_in_another_page() -> None:
    others = " ".join(prose(page) for page in pages() if page != PAGE).lower()
    unused = [term for term, _ in TERMS for word in term.split(", ") if word.lower() not in others]
    assert not unused
