"""Text of strangers on a terminal: nothing in it is obeyed, and what is readable stays."""

import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from compound.jobs.wording.printable import in_line, printable

ANY = st.text(st.characters(exclude_categories=()))


@given(ANY)
def test_nothing_is_left_that_a_terminal_obeys(text: str) -> None:
    kinds = {unicodedata.category(letter) for letter in in_line(text)}
    assert not kinds & {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
    assert printable(printable(text)) == printable(text)
    in_line(text).encode()


@given(st.text(st.characters(categories=("L", "N", "P", "S", "Zs"))))
def test_letters_of_every_script_stay(text: str) -> None:
    assert printable(text) == text == in_line(text)


def test_how_it_is_written() -> None:
    assert printable("a\x1b[31m\nb\tc") == "a\\x1b[31m\nb\\tc"
    assert in_line("a\nb\tc\u202e") == "a\\nb\\tc\\u202e"
    assert in_line("\r\x9b\U000e0041\u200b\u2028") == "\\r\\x9b\\U000e0041\\u200b\\u2028"
    assert printable(b"caf\xe9".decode(errors="surrogateescape")) == "caf\\xe9"
