"""What the numbers of a weight file may be: types that are cast, and those that are refused."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor

from compound.jobs.models.build import build
from compound.jobs.models.weight_file import read
from compound.jobs.models.weights import check_weights, load_weights
from compound.schemas.errors import ArchitectureError
from tests.support.family_networks import small

NETWORK = small("resnet-18")
FIRST, VARIANCE = "stem.0.weight", "stem.1.running_var"

Change = Callable[[Tensor], Tensor]


def saved(folder: Path, change: Change, only: str = "") -> Path:
    """Save a network's weights, all of them changed, or one."""
    state = build(NETWORK).state_dict()
    names = [only] if only else [name for name in state if state[name].is_floating_point()]
    torch.save({**state, **{name: change(state[name]) for name in names}}, folder / "w.pth")
    return folder / "w.pth"


@pytest.mark.parametrize("kind", [torch.float32, torch.float16, torch.bfloat16, torch.float64])
def test_floating_point_numbers_load_as_float32_and_are_counted(
    kind: torch.dtype, tmp_path: Path
) -> None:
    path = saved(tmp_path, lambda tensor: tensor.to(kind))
    module, file = build(NETWORK), read(path)
    load_weights(module, NETWORK, path)
    assert torch.equal(module.state_dict()[FIRST], file.tensors[FIRST].float())
    count = sum(tensor.is_floating_point() for tensor in file.tensors.values())
    cast = {} if kind == torch.float32 else {str(kind).removeprefix("torch."): count}
    assert check_weights(file, NETWORK) == cast


REFUSED: dict[str, tuple[Change, str]] = {
    "int8": (lambda t: (t * 100).to(torch.int8), "int8"),
    "int64": (lambda t: t.long(), "int64"),
    "bool": (lambda t: t > 0, "bool"),
    "float8": (lambda t: t.to(torch.float8_e4m3fn), "float8_e4m3fn"),
    "complex": (lambda t: t.to(torch.complex64), "complex64"),
    "quantised": (
        lambda t: torch.quantize_per_tensor(t, 0.1, 0, torch.qint8),
        "quantised (qint8)",
    ),
    "sparse": (lambda t: t.to_sparse(), "sparse (sparse_coo)"),
    "meta": (lambda t: t.to("meta"), "without numbers (meta)"),
}


# torch.quantize_per_tensor is deprecated, but files that it made stay.
@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("name", REFUSED)
def test_a_tensor_of_another_type_is_refused_by_name(name: str, tmp_path: Path) -> None:
    change, kind = REFUSED[name]
    path = saved(tmp_path, change, FIRST)
    for refuse in (load_weights, None):
        with pytest.raises(ArchitectureError) as caught:
            if refuse:
                load_weights(build(NETWORK), NETWORK, path)
            else:
                check_weights(read(path), NETWORK)
        assert f"{FIRST} is {kind}" in caught.value.message
        assert caught.value.where == str(path)
        assert "float16" in caught.value.allowed


def test_a_counter_may_be_any_plain_number(tmp_path: Path) -> None:
    counter = "stem.1.num_batches_tracked"
    assert not check_weights(read(saved(tmp_path, lambda t: t.half(), counter)), NETWORK)
    with pytest.raises(ArchitectureError, match="num_batches_tracked is complex64"):
        check_weights(read(saved(tmp_path, lambda t: t.to(torch.complex64), counter)), NETWORK)


def poisoned(value: float) -> Change:
    def change(tensor: Tensor) -> Tensor:
        tensor = tensor.double()
        tensor.view(-1)[:2] = value
        return tensor

    return change


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf"), 1e300])
def test_numbers_that_are_not_finite_in_float32_are_refused(value: float, tmp_path: Path) -> None:
    path = saved(tmp_path, poisoned(value), FIRST)
    with pytest.raises(ArchitectureError) as caught:
        check_weights(read(path), NETWORK)
    count = build(NETWORK).state_dict()[FIRST].numel()
    assert f"NaN or infinite in float32: {FIRST} (2 of {count:,})" in caught.value.message
    assert caught.value.where == str(path)


def test_a_variance_below_zero_is_refused(tmp_path: Path) -> None:
    path = saved(tmp_path, poisoned(-1.0), VARIANCE)
    with pytest.raises(ArchitectureError, match=f"variances below zero: {VARIANCE} "):
        load_weights(build(NETWORK), NETWORK, path)


def test_a_classifier_that_is_not_taken_may_be_anything(tmp_path: Path) -> None:
    path = saved(tmp_path, lambda tensor: tensor.to_sparse(), "classifier.weight")
    with pytest.raises(ArchitectureError, match=r"classifier\.weight is sparse"):
        check_weights(read(path), NETWORK)
    assert not check_weights(read(path), NETWORK, classifier=False)
