"""`compound init --example`: what is shipped is listed and written, with the files it needs."""

from pathlib import Path

import pytest

from compound.orchestrator.cli.specs.init_example import examples
from tests.support.command import compound
from tests.support.house import ROOT


def test_every_example_is_listed_with_what_it_is() -> None:
    listed = compound("init", "--examples").stdout
    names = {path.stem for path in (ROOT / "examples").glob("*.yaml")}
    assert names == set(examples())
    assert all(f"{name} " in listed for name in names)


@pytest.mark.parametrize("name", sorted(examples()))
def test_an_example_is_written_and_valid(tmp_path: Path, name: str) -> None:
    done = compound("init", "--example", name, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    text = (tmp_path / f"{name}.yaml").read_text()
    assert "$schema" not in text and f"examples/{name}.yaml" not in text
    checked = compound("validate", f"{name}.yaml", cwd=tmp_path)
    assert "a valid" in checked.stdout or checked.returncode == 2
    again = compound("init", "--example", name, cwd=tmp_path)
    assert again.returncode == 2 and "--force" in again.stderr


def test_the_quickstart_comes_with_its_images(tmp_path: Path) -> None:
    compound("init", "--example", "quickstart", cwd=tmp_path)
    shipped = ROOT / "examples" / "data" / "fashion-mnist"
    copied = tmp_path / "examples" / "data" / "fashion-mnist"
    for file in shipped.iterdir():
        assert (copied / file.name).read_bytes() == file.read_bytes()
    planned = compound("plan", "quickstart.yaml", "--json", cwd=tmp_path)
    assert planned.returncode == 0, planned.stderr


def test_a_network_of_code_comes_with_its_code(tmp_path: Path) -> None:
    done = compound("init", "own.yaml", "--example", "factory", cwd=tmp_path)
    assert done.stdout.splitlines()[-1] == "next: compound plan own.yaml --allow-import"
    planned = compound("plan", "own.yaml", "--allow-import", "--json", cwd=tmp_path)
    assert planned.returncode == 0, planned.stderr


def test_an_unknown_example_names_the_others(tmp_path: Path) -> None:
    done = compound("init", "--example", "quikstart", cwd=tmp_path)
    assert done.returncode == 2 and not [*tmp_path.iterdir()]
    assert "did you mean 'quickstart'?" in done.stderr
    assert "compound init --examples" in done.stderr
