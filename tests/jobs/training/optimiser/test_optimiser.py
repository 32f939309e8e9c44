"""Optimisers, clipping, weight decay and the moving average, against independent forms."""

import copy

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from compound.jobs.parallel.flat_parameters import apart, flatten
from compound.jobs.training.optimiser.ema import Average
from compound.jobs.training.optimiser.optimiser import clip
from compound.jobs.training.optimiser.update import Update
from compound.schemas.recipe import Recipe

CPU = torch.device("cpu")


def network(seed: int = 0) -> nn.Module:
    torch.manual_seed(seed)
    return nn.Sequential(
        nn.Conv2d(3, 6, 3, bias=False), nn.BatchNorm2d(6), nn.Flatten(), nn.Linear(6 * 16, 5)
    )


def backward(module: nn.Module, seed: int) -> None:
    torch.manual_seed(seed)
    images, labels = torch.randn(8, 3, 6, 6), torch.randint(0, 5, (8,))
    nn.functional.cross_entropy(module(images), labels).backward()


def recipe(**fields) -> Recipe:
    return Recipe.model_validate(fields)


def test_flattening_changes_no_number():
    plain, flat_module = network(), network()
    flat = flatten(flat_module, CPU)
    for name, tensor in plain.state_dict().items():
        assert torch.equal(flat_module.state_dict()[name], tensor)
    assert flat_module[0].weight.is_contiguous(memory_format=torch.channels_last)
    backward(plain, 1)
    backward(flat_module, 1)
    for one, other in zip(plain.parameters(), flat_module.parameters(), strict=True):
        assert torch.allclose(one.grad, other.grad, atol=1e-6)
    assert flat.gradients.norm() > 0
    flat.values.zero_()
    assert all(not tensor.any() for tensor in flat_module.parameters())
    assert not flat_module[1].running_var.any()


@pytest.mark.parametrize("optimizer", ["sgd", "rmsprop", "adamw"])
@pytest.mark.parametrize("length", [7, 10_000])
def test_weight_decay_reaches_convolution_and_linear_weights_only(optimizer, length):
    module = network()
    flat = flatten(module, CPU)
    flat.values.fill_(2.0)
    chosen = recipe(optimizer=optimizer, weight_decay=0.5, clip_norm=None, momentum=0)
    Update(chosen, flat, None, length).step(0.1, 1)
    shrunk = {name for name, p in module.named_parameters() if (p < 2).all()}
    assert shrunk == {"0.weight", "3.weight"}
    assert all((p == 2).all() for name, p in module.named_parameters() if name not in shrunk)


@pytest.mark.parametrize("limit", [0.01, 5.0])
def test_clipping_is_torchs(limit):
    one, other = network(), network()
    flat = flatten(other, CPU)
    backward(one, 1)
    backward(other, 1)
    nn.utils.clip_grad_norm_(one.parameters(), limit)
    clip(flat, limit)
    for a, b in zip(one.parameters(), other.parameters(), strict=True):
        assert torch.allclose(a.grad, b.grad, rtol=1e-4, atol=1e-7)


@pytest.mark.parametrize(
    ("optimizer", "nesterov"), [("sgd", False), ("sgd", True), ("adamw", False)]
)
def test_sgd_and_adamw_are_torchs(optimizer, nesterov):
    one, other = network(), network()
    flat = flatten(other, CPU)
    given = {"optimizer": optimizer, "nesterov": nesterov, "momentum": 0.8}
    chosen = recipe(**given, weight_decay=0.1, clip_norm=None)
    ours = Update(chosen, flat, None, 50)
    weights = [p for p in one.parameters() if p.ndim > 1]
    rest = [p for p in one.parameters() if p.ndim <= 1]
    groups = [{"params": weights, "weight_decay": 0.1}, {"params": rest, "weight_decay": 0}]
    if optimizer == "sgd":
        theirs = torch.optim.SGD(groups, lr=0.1, momentum=0.8, nesterov=nesterov)
    else:
        theirs = torch.optim.AdamW(groups, lr=0.1, betas=(0.8, 0.999))
    for step in range(6):
        theirs.param_groups[0]["lr"] = theirs.param_groups[1]["lr"] = 0.1 / (step + 1)
        theirs.zero_grad()
        flat.gradients.zero_()
        backward(one, step)
        backward(other, step)
        theirs.step()
        ours.step(0.1 / (step + 1), step + 1)
    for a, b in zip(one.parameters(), other.parameters(), strict=True):
        assert torch.allclose(a, b, rtol=1e-4, atol=1e-5)


@given(st.integers(0, 1000), st.floats(0, 0.99), st.floats(1e-4, 1.0))
def test_rmsprop_is_tensorflows(seed, momentum, rate):
    random = np.random.default_rng(seed)
    flat = flatten(nn.Linear(3, 2), CPU)
    weights = flat.parameters.double().numpy().copy()
    chosen = recipe(optimizer="rmsprop", momentum=momentum, weight_decay=0, clip_norm=None)
    ours = Update(chosen, flat, None)
    mean_square, velocity = np.ones_like(weights), np.zeros_like(weights)
    for step in range(5):
        gradient = random.normal(size=weights.shape) * 10.0 ** random.integers(-4, 2)
        flat.gradients.copy_(torch.from_numpy(gradient))
        now = rate / (step + 1)
        ours.step(now, step + 1)
        mean_square = 0.9 * mean_square + 0.1 * gradient**2
        velocity = momentum * velocity + now * gradient / np.sqrt(mean_square + 1e-3)
        weights = weights - velocity
    assert flat.parameters.numpy() == pytest.approx(weights, rel=1e-4, abs=1e-5)


def test_the_average_follows_weights_and_statistics_with_a_growing_decay():
    module = network()
    flat = flatten(module, CPU)
    average = Average(flat, 0.9)
    update = Update(recipe(weight_decay=0.1), flat, average, 40)
    expected = {name: t.double() for name, t in copy.deepcopy(module.state_dict()).items()}
    for step in range(1, 130):
        flat.statistics.add_(torch.randn_like(flat.statistics))
        flat.gradients.copy_(torch.randn_like(flat.gradients))
        update.step(0.5, step)
        decay = min(0.9, (1 + step) / (10 + step))
        for name, tensor in module.state_dict().items():
            expected[name] = decay * expected[name] + (1 - decay) * tensor.double()
    named = flat.named(average.values)
    assert {"0.weight", "1.weight", "1.running_mean", "1.running_var"} <= named.keys()
    for name, tensor in named.items():
        assert torch.allclose(tensor.double(), expected[name], rtol=1e-4, atol=1e-4)


def test_the_average_is_lent_and_taken_back_even_on_errors():
    module = network()
    flat = flatten(module, CPU)
    average = Average(flat, 0.9)
    flat.values.add_(1.0)
    own = flat.values.clone()
    with pytest.raises(ZeroDivisionError), average.applied():
        assert torch.equal(flat.values, average.values)
        raise ZeroDivisionError
    assert torch.equal(flat.values, own)


@settings(max_examples=25, deadline=None)
@given(
    st.sampled_from(["sgd", "rmsprop", "adamw"]),
    st.integers(1, 400),
    st.sampled_from([0.0, 0.01]),
    st.sampled_from([None, 0.5]),
)
def test_the_length_of_runs_changes_no_bit(optimizer, length, decay, limit):
    chosen = recipe(optimizer=optimizer, weight_decay=decay, clip_norm=limit)
    outcomes = []
    for runs in (length, 10**9):
        flat = flatten(network(), CPU)
        average = Average(flat, 0.99)
        update = Update(chosen, flat, average, runs)
        generator = torch.Generator().manual_seed(length)
        for step in range(1, 4):
            flat.gradients.normal_(generator=generator)
            update.step(0.1 / step, step)
        outcomes.append([flat.values, average.values, *update.slots.values()])
    assert all(torch.equal(one, other) for one, other in zip(*outcomes, strict=True))


@pytest.mark.slow
@pytest.mark.parametrize("averaged", [False, True])
def test_the_compiled_update_is_the_same_but_for_rounding(averaged):
    chosen = recipe(optimizer="rmsprop", weight_decay=0.01, clip_norm=0.5)
    outcomes = []
    for compiled in (False, True):
        flat = flatten(network(), CPU)
        average = Average(flat, 0.99) if averaged else None
        update = Update(chosen, flat, average, compiled=compiled)
        generator = torch.Generator().manual_seed(1)
        for step in range(1, 9):
            flat.gradients.normal_(generator=generator)
            update.step(0.1 / step, step)
        kept = [average.values] if average else []
        outcomes.append([flat.values, *kept, *update.slots.values()])
    for one, other in zip(*outcomes, strict=True):
        assert torch.allclose(one, other, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("optimizer", ["sgd", "rmsprop", "adamw"])
def test_frozen_weights_are_neither_decayed_nor_averaged(optimizer):
    module = network()
    for name in ("0.weight", "1.bias"):
        module.get_parameter(name).requires_grad = False
    before = {name: weight.clone() for name, weight in module.named_parameters()}
    flat = flatten(module, CPU)
    assert set(apart(module, flat.shapes)) == {"0.weight", "1.bias", "1.num_batches_tracked"}
    average = Average(flat, 0.9)
    update = Update(recipe(optimizer=optimizer, weight_decay=0.5), flat, average, 7)
    for step in range(1, 4):
        flat.clear_gradients()
        backward(module, step)
        update.step(0.1, step)
        with average.applied():
            assert torch.equal(module[0].weight, before["0.weight"])
    assert module[0].weight.grad is None
    changed = {n for n, weight in module.named_parameters() if not torch.equal(weight, before[n])}
    assert changed == {"1.weight", "3.weight", "3.bias"}


def test_buffers_of_other_types_keep_them_and_infinities_survive_the_average():
    module = network()
    module.register_buffer("fine", torch.tensor([1 / 3], dtype=torch.float64))
    module.register_buffer("mask", torch.tensor([0.0, -torch.inf]))
    flat = flatten(module, CPU)
    average = Average(flat, 0.9)
    update = Update(recipe(), flat, average)
    flat.gradients.normal_()
    update.step(0.1, 1)
    assert module.fine.dtype == torch.float64 and module.fine.item() == 1 / 3
    with average.applied():
        assert module.mask.tolist() == [0.0, -torch.inf]
        assert not flat.values.isnan().any()
