"""Options that would have no effect beside another one are refused, with what is allowed."""

from pathlib import Path

import pytest

from tests.support.command import compound

SPEC = str(Path(__file__).parents[3] / "examples" / "digits.yaml")


@pytest.mark.parametrize(
    "words",
    [
        ["plan", SPEC, "--address", "127.0.0.1:6379"],
        ["run", SPEC, "--runner", "local", "--address", "127.0.0.1:6379"],
        ["retry", SPEC, "--runner", "local", "--address", "127.0.0.1:6379"],
        ["run", SPEC, "--fast-dev-run", "--retry-failed", "--runner", "local"],
        ["run", SPEC, "--fast-dev-run", "--profile", "--runner", "local"],
        ["status", SPEC, "--store", "elsewhere"],
        ["report", SPEC, "--store", "elsewhere"],
        ["metrics", SPEC, "--store", "elsewhere"],
        ["verify", SPEC, "--store", "elsewhere"],
        ["gc", SPEC, "--store", "elsewhere"],
        ["fsck", SPEC, "--store", "elsewhere"],
        ["retry", SPEC, "--store", "elsewhere"],
        ["export", SPEC, "tables", "--format", "parquet", "--store", "elsewhere"],
        ["fsck", "a/store", "--store", "elsewhere"],
        ["export", "study", "tables", "--format", "parquet", "--best"],
        ["export", "study", "tables", "--format", "parquet", "--naming", "timm"],
        ["metrics", "study", "--parquet", "a.parquet", "--output", "b.csv"],
        ["metrics", "study", "--csv", "a.csv", "--format", "json"],
        ["metrics", "study", "--csv", "a.csv", "--json"],
        ["metrics", "study", "--json", "--format", "csv"],
        ["query", "select 1", "--json", "--format", "csv"],
    ],
    ids=lambda words: " ".join(word for word in words if word != SPEC),
)
def test_an_option_without_effect_is_refused(
    words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    ran = compound(*words)
    assert ran.returncode == 2 and not ran.stdout
    assert "has no effect" in ran.stderr or "name two formats" in ran.stderr
    assert "allowed: " in ran.stderr
    assert not list(tmp_path.iterdir())


def test_the_store_of_a_spec_may_be_named(tmp_path: Path) -> None:
    spec = tmp_path / "spec.yaml"
    spec.write_text(f"{Path(SPEC).read_text()}\nstore: {tmp_path}/runs\n")
    ran = compound("status", str(spec), "--store", f"{tmp_path}/runs/")
    assert "there is no store here" in ran.stderr
