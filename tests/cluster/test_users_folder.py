"""Jobs in child processes, started in a folder whose files have the names of our modules."""

import sys
from pathlib import Path

import pytest

from compound.cluster.local_runner import LocalRunner
from tests.support.failing_networks import hungry_request
from tests.support.users_folder import users_folder


def test_ranks_import_a_factory_and_nothing_else_from_the_folder(
    tmp_path: Path, store: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    # Importing a factory adds its folder to the path of this process too.
    monkeypatch.setattr(sys, "path", sys.path.copy())
    folder = tmp_path / "own"
    folder.mkdir()
    request = hungry_request(folder, "own_network", 1000, workers=2)
    monkeypatch.chdir(users_folder(folder))
    (result,) = LocalRunner((str(folder),)).run([request], store, lambda event: None)
    assert (result.status, result.world_size) == ("done", 2), result.cause
