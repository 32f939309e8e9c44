"""What the parser of the command line refuses, and what it says to type."""

from pathlib import Path

import pytest

from compound.orchestrator.__main__ import main
from tests.support.stored_studies import published


def refused(capsys: pytest.CaptureFixture[str], *words: str) -> list[str]:
    with pytest.raises(SystemExit) as ended:
        main([*words])
    assert ended.value.code == 2
    return capsys.readouterr().err.splitlines()


@pytest.mark.parametrize(
    ("words", "allowed", "following"),
    [
        ("run a.yaml --runner locl", "ray, local", "type --runner local"),
        ("metrics a --format Csv", "table, csv, json, parquet", "type --format csv"),
        ("export a --format csv", "safetensors, parquet, delta", "compound export --help"),
        ("count resnet-18 --phi abc", "a number", "compound count --help"),
        ("run --plan", "A file that `compound plan -o` wrote", "compound run --help"),
        ("run a.yaml --set", "Override a key: --set train.epochs=5", "compound run --help"),
        ("run a.yaml --store x", "--set, ", "type --set store=x"),
        ("plan a.yaml --store=x", "--set, ", "type --set store=x"),
        ("validate a.yaml --epochs 3", "--set, ", "type --set train.epochs=3"),
        ("validate a.yaml --epochs", "--set, ", "type --set train.epochs=VALUE"),
        ("status a --stor x", "--store, ", "compound status a --store x"),
        ("run a.yaml --retry-faild", "--set, ", "compound run a.yaml --retry-failed"),
    ],
)
def test_what_is_allowed_and_what_to_type(
    words: str, allowed: str, following: str, capsys: pytest.CaptureFixture[str]
) -> None:
    _, second, third = refused(capsys, *words.split(" "))
    assert second.startswith(f"  allowed: {allowed}")
    assert third.startswith("  next: ") and third.endswith(following)


def test_the_key_of_an_address_is_not_repeated(capsys: pytest.CaptureFixture[str]) -> None:
    lines = refused(capsys, "run", "a.yaml", "--store", "s3://KEY:hidden@bucket/runs")
    assert "hidden" not in "".join(lines)


@pytest.mark.parametrize("command", ["status", "count", "export", "report", "a\n  next: x"])
def test_an_argument_forges_no_line(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    lines = refused(capsys, command, "a\n  next: forged")
    assert not [line for line in lines if line.startswith("  next: forged")]


def test_no_part_of_an_error_forges_a_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = refused(capsys, "status", "a\n  next: forged", "--store", published(tmp_path))
    assert "  next: forged" not in lines and "a\\n  next: forged" in lines[0]
