"""Which lost reader ends a command quietly, and which is an error."""

import pytest

from compound.orchestrator.cli.printing.closed_streams import ends_with_its_reader


def test_a_connection_that_breaks_is_no_closed_stdout() -> None:
    with pytest.raises(BrokenPipeError, match="of a connection"), ends_with_its_reader():
        raise BrokenPipeError("of a connection")


def test_what_typer_makes_of_it_is_an_error_too() -> None:
    with pytest.raises(BrokenPipeError, match="of a connection"), ends_with_its_reader():
        try:
            raise BrokenPipeError("of a connection")
        except OSError:
            raise SystemExit(1)  # noqa: B904  (typer's own line)


@pytest.mark.parametrize("code", [0, 1, 130])
def test_other_endings_are_kept(code: int) -> None:
    with pytest.raises(SystemExit) as ended, ends_with_its_reader():
        raise SystemExit(code)
    assert ended.value.code == code
