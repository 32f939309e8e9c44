"""Profiles of devices in the store: by name, confined, and trusted only whole."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compound.jobs.device_model import guess
from compound.jobs.store.artifacts import ArtifactStore
from compound.jobs.store.format.checksummed_json import DamagedError

PROFILE = guess("cpu")


@pytest.fixture
def store(tmp_path: Path) -> ArtifactStore:
    return ArtifactStore.open(str(tmp_path))


def renamed(device: str):
    return PROFILE.model_copy(update={"device": device})


def test_a_profile_comes_back_equal_and_can_be_replaced(store: ArtifactStore) -> None:
    assert store.profile(PROFILE.device) is None
    store.save_profile(PROFILE)
    assert store.profile(PROFILE.device) == PROFILE
    store.save_profile(PROFILE.model_copy(update={"correction": 2.0}))
    stored = store.profile(PROFILE.device)
    assert stored is not None and stored.correction == 2.0


def test_a_profile_lies_under_a_name_that_people_can_read(
    store: ArtifactStore, tmp_path: Path
) -> None:
    store.save_profile(renamed("cuda NVIDIA H100 80GB HBM3"))
    (path,) = (tmp_path / "devices").iterdir()
    assert path.name.startswith("cuda-nvidia-h100-80gb-hbm3-") and path.suffix == ".json"


def test_devices_of_similar_names_are_kept_apart(store: ArtifactStore) -> None:
    names = ["cpu X, 1 thread", "cpu X; 1 thread", "CPU X, 1 thread", "x" * 80, "x" * 81]
    for name in names:
        store.save_profile(renamed(name))
    assert [stored.device for name in names if (stored := store.profile(name))] == names


@settings(max_examples=50, deadline=None)
@given(name=st.text(max_size=200))
def test_no_name_leaves_the_folder(tmp_path_factory: pytest.TempPathFactory, name: str) -> None:
    root = tmp_path_factory.mktemp("store")
    store = ArtifactStore.open(str(root / "runs"))
    profile = PROFILE.model_copy(update={"device": name})
    store.save_profile(profile)
    assert store.profile(name) == profile
    assert [path.name for path in root.iterdir()] == ["runs"]
    assert len(list((root / "runs/devices").iterdir())) == 1


@pytest.mark.parametrize("position", [0.05, 0.5, 0.95])
def test_a_damaged_profile_is_refused(
    store: ArtifactStore, tmp_path: Path, position: float
) -> None:
    store.save_profile(PROFILE)
    (path,) = (tmp_path / "devices").iterdir()
    data = bytearray(path.read_bytes())
    data[int(position * len(data))] ^= 1
    path.write_bytes(data)
    with pytest.raises(DamagedError):
        store.profile(PROFILE.device)
