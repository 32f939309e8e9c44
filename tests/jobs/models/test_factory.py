"""A network of the user's own in one job: importing, counting, knowing it again, training it."""

import json
import subprocess
import sys
import textwrap
from collections.abc import Callable
from itertools import count as numbers
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from torch import nn

from compound.cluster.local_runner import LocalRunner
from compound.jobs.__main__ import main
from compound.jobs.models import build as built
from compound.jobs.models.build import build
from compound.jobs.models.meta_trace import Trace, trace
from compound.jobs.models.scaled import Networks
from compound.jobs.networks.exact_cost import count, count_stages
from compound.jobs.run_job import Process, run
from compound.jobs.store.artifacts import ArtifactStore
from compound.jobs.training.data_cache import DataCache
from compound.schemas.architecture import Architecture
from compound.schemas.errors import FactoryError, OtherNetworkError
from compound.schemas.factory import FactoryNetwork
from compound.schemas.job import JobRequest, JobResult, Resources, TrainJob
from tests.support.family_networks import ONE_OF_EACH, small
from tests.support.forked import run_forked
from tests.support.random_architectures import ARCHITECTURES
from tests.support.small_jobs import DATA, small_job

NET = """
from torch import nn

def build(*, depth, width, resolution, num_classes, in_channels):
    channels = round(8 * width)
    layers = [nn.Conv2d(in_channels, channels, 3, 2, 1, bias=False), nn.BatchNorm2d(channels)]
    for _ in range(round(2 * depth)):
        layers += [nn.Conv2d(channels, channels, 3, 1, 1, groups=channels), nn.ReLU(inplace=True)]
    pool = [nn.AdaptiveAvgPool2d(1), nn.Flatten()]
    return nn.Sequential(*layers, *pool, nn.Linear(channels, num_classes))
"""
_UNIQUE = numbers()

Write = Callable[..., str]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write a module of a name that no other test imports; return `module:build`."""

    def make(text: str = NET) -> str:
        name = f"own_net_{next(_UNIQUE)}"
        (tmp_path / f"{name}.py").write_text(textwrap.dedent(text))
        return f"{name}:build"

    return make


def body(lines: str) -> str:
    """Return a module whose factory has this body."""
    head = NET[: NET.index("    channels")]
    return "import torch\n" + head + textwrap.indent(textwrap.dedent(lines).strip() + "\n", "    ")


def own(name: str, folder: Path, resolution: int = 8) -> FactoryNetwork:
    return Networks((str(folder),)).own(name, resolution, classes=4, channels=3)


def traced(network: Architecture) -> Trace:
    with torch.device("meta"):
        return trace(build(network), network.in_channels, network.resolution)


def test_the_count_of_a_small_network_is_the_one_by_hand(write: Write, tmp_path: Path) -> None:
    work = own(write(), tmp_path).workload
    assert work.params == 8 * 27 + 16 + 2 * (8 * 9 + 8) + 8 * 4 + 4
    assert (work.dense, work.pointwise, work.depthwise) == (16 * 216 + 32, 0, 2 * 16 * 72)
    assert (work.activations, work.layers) == (3 * 128, 4)
    assert work.largest == 3 * 64
    # The images, what conv and norm read, ReLU's results, and what the linear layer reads.
    assert work.saved == 3 * 64 + 2 * 128 + 2 * 128 + 8


@settings(max_examples=25, deadline=None)
@given(ARCHITECTURES)
def test_any_network_of_ours_is_counted_as_complexity_counts_it(network: Architecture) -> None:
    work, cost = traced(network).workload, count(network)
    assert (work.params, work.macs, work.activations) == (
        cost.params,
        cost.macs,
        cost.activations,
    )


@pytest.mark.parametrize("name", ONE_OF_EACH)
def test_every_family_is_counted_as_complexity_counts_it(name: str) -> None:
    network = small(name)
    work, cost = traced(network).workload, count(network)
    assert (work.params, work.macs, work.activations) == (
        cost.params,
        cost.macs,
        cost.activations,
    )
    assert work.largest >= max(stage.activations for stage in count_stages(network)) / 100


def test_what_autograd_keeps_is_counted_as_training_keeps_it() -> None:
    """Evaluation on the meta device against a training pass on the CPU, per image."""
    network = small("resnet-18")
    images = torch.randn(2, 3, 64, 64)
    module, kept = build(network).train(), {}
    weights = {t.untyped_storage().data_ptr() for t in module.state_dict().values()}

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        if tensor.ndim > 1:
            kept[tensor.untyped_storage().data_ptr()] = tensor
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        output = module(images)
    words = [t.numel() * t.element_size() // 4 for p, t in kept.items() if p not in weights]
    assert traced(network).workload.saved == sum(words) // 2
    assert output.requires_grad


def test_two_multipliers_that_build_the_same_are_one_network(write: Write, tmp_path: Path) -> None:
    networks = Networks((str(tmp_path),))
    base = networks.own(write(), 8, 4, 3)
    same, other = networks.stretch(base, 1.1, 1.05, 8), networks.stretch(base, 1.5, 1, 8)
    assert same == base
    assert same.id == base.id
    assert {base, same} == {base}
    assert other != base
    jobs = [small_job().model_copy(update={"architecture": n}) for n in (base, same, other)]
    assert jobs[0].id == jobs[1].id != jobs[2].id
    assert len({networks.at(base, side).id for side in (8, 9, 10)}) == 3


def test_identity_sees_settings_and_the_flow_of_tensors(write: Write, tmp_path: Path) -> None:
    variants = [
        ("nn.ReLU(inplace=True)", "nn.SiLU(inplace=True)"),
        ("nn.BatchNorm2d(channels)", "nn.BatchNorm2d(channels, eps=1e-3)"),
        ("3, 1, 1, groups=channels", "3, 1, 2, dilation=2, groups=channels"),
        ("nn.Sequential(*layers,", "nn.Sequential(nn.Dropout(0.1), *layers,"),
    ]
    ids = {own(write(NET.replace(*pair)), tmp_path).id for pair in variants}
    assert len(ids | {own(write(), tmp_path).id}) == 5
    wired = """
    import torch
    from torch import nn

    class Net(nn.Module):
        def __init__(self, first, channels, classes):
            super().__init__()
            self.one = nn.Conv2d(channels, 8, 3, padding=1)
            self.two, self.out = nn.Conv2d(8, 8, 1), nn.Linear(8, classes)

        def forward(self, x):
            one = self.one(x).relu()
            two = self.two(one).relu()
            return self.out((SKIP).mean((2, 3)))

    def build(*, depth, width, resolution, num_classes, in_channels):
        return Net(depth, in_channels, num_classes)
    """
    ids = {own(write(wired.replace("SKIP", s)), tmp_path).id for s in ("one + two", "two + two")}
    assert len(ids) == 2


def test_identity_is_the_same_in_another_process(write: Write, tmp_path: Path) -> None:
    name = write(NET)
    asked = f"Networks(({str(tmp_path)!r},)).own({name!r}, 8, 4, 3).id"
    code = f"from compound.jobs.models.scaled import Networks; print({asked})"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == own(name, tmp_path).id


def test_a_network_is_stored_and_read_back_as_it_was(write: Write, tmp_path: Path) -> None:
    network = own(write(), tmp_path)
    job = small_job().model_copy(update={"architecture": network})
    again = TrainJob.model_validate_json(job.model_dump_json())
    assert again.architecture.model_dump() == network.model_dump()
    assert again.id == job.id
    assert count(again.architecture).params == network.workload.params


def test_code_that_needs_numbers_to_build_is_built_with_them(write: Write, tmp_path: Path) -> None:
    rates = "rates = [rate.item() for rate in torch.linspace(0, 0.1, 3)]"
    text = NET.replace("    channels =", f"    import torch\n    {rates}\n    channels =")
    assert own(write(text), tmp_path).workload.params > 0


BAD = {
    "raises": ("raise ValueError('too wide')", "ValueError: too wide"),
    "nothing": ("pass", "returned nothing, not an nn.Module"),
    "no module": ("return [nn.ReLU()]", "returned a list, not an nn.Module"),
    "wrong classes": (
        "return nn.Sequential(nn.Flatten(), nn.Linear(192, 7))",
        "returns a tensor of shape (2, 7) for 2 images",
    ),
    "a map": ("return nn.Conv2d(3, 4, 1)", "returns a tensor of shape (2, 4, 8, 8)"),
    "wrong shapes": ("return nn.Sequential(nn.Flatten(), nn.Linear(3, 4))", "RuntimeError: "),
    "numbers in forward": (
        """
        class Net(nn.Module):
            def forward(self, x):
                return x.flatten(1)[:, :4] if x.sum().item() > 0 else x
        return Net()
        """,
        "on the meta device at depth 1, width 1, 8 pixels: RuntimeError: ",
    ),
    "a tuple in training": (
        """
        class Net(nn.Module):
            def __init__(self):
                super().__init__()
                self.linear = nn.Linear(192, 4)
            def forward(self, x):
                out = self.linear(x.flatten(1))
                return (out, out) if self.training else out
        return Net()
        """,
        "in training, the network returns a tuple for 2 images",
    ),
    "no effect": (
        "return nn.Sequential(nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(12, 4))",
        "neither depth, width nor resolution has an effect on any tensor",
    ),
    "unused": (
        """
        class Net(nn.Module):
            def __init__(self):
                super().__init__()
                self.used, self.spare = nn.Linear(192, 4), nn.Linear(192, 4)
            def forward(self, x):
                self.spare(x.flatten(1))
                return self.used(x.flatten(1))
        return Net()
        """,
        "never uses the weight 'spare.weight', 'spare.bias' in training",
    ),
    "all frozen": (
        "return nn.Sequential(nn.Flatten(), nn.Linear(192, 4)).requires_grad_(False)",
        "has no weight to train",
    ),
    "double": (
        "return nn.Sequential(nn.Flatten(), nn.Linear(192, 4)).double()",
        "has the weight '1.weight' of type float64",
    ),
    "a double weight": (
        """
        net = nn.Sequential(nn.Flatten(), nn.Linear(192, 4))
        net[1].bias = nn.Parameter(net[1].bias.double())
        net[1].forward = lambda x: x @ net[1].weight.T + net[1].bias.float()
        return net
        """,
        "has the weight '1.bias' of type float64",
    ),
    "a buffer of complex numbers": (
        """
        net = nn.Sequential(nn.Flatten(), nn.Linear(192, 4))
        net.register_buffer("turns", torch.ones(3, dtype=torch.complex64))
        return net
        """,
        "has 'turns' of type complex64, which no checkpoint can hold",
    ),
    "a double statistic": (
        """
        class Net(nn.Sequential):
            def forward(self, x):
                self.mean.mul_(0.9).add_(x.mean().double())
                return super().forward(x)
        net = Net(nn.Flatten(), nn.Linear(192, 4))
        net.register_buffer("mean", torch.zeros(1, dtype=torch.float64))
        return net
        """,
        "changes the buffer 'mean' in training, and it is float64",
    ),
    "exits": ("import sys; sys.exit('no')", "SystemExit: no"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_factory_that_does_not_hold_is_told_in_its_own_words(
    name: str, write: Write, tmp_path: Path
) -> None:
    lines, told = BAD[name]
    with pytest.raises(FactoryError) as caught:
        own(write(body(lines)), tmp_path)
    assert told in caught.value.message
    assert caught.value.where == "baseline.factory"
    assert "jobs/" not in caught.value.message


def test_what_to_do_about_an_unused_weight_is_told(write: Write, tmp_path: Path) -> None:
    with pytest.raises(FactoryError) as caught:
        own(write(body(BAD["unused"][0])), tmp_path)
    assert caught.value.next_step.endswith("or freeze it: spare.weight.requires_grad_(False)")


ELSEWHERE = ("x + torch.arange(8.0)", "torch.cat([x, torch.ones(2, 3, 8, 8)])")


@pytest.mark.parametrize("line", ELSEWHERE)
def test_a_tensor_on_another_device_is_told_as_one(line: str, write: Write, tmp_path: Path) -> None:
    text = f"""
    class Net(nn.Module):
        def forward(self, x):
            return ({line}).flatten(1)[:, :4]
    return Net()
    """
    with pytest.raises(FactoryError) as caught:
        own(write(body(text)), tmp_path)
    assert caught.value.message.endswith(f"in forward: return ({line}).flatten(1)[:, :4]")
    assert "as in torch.arange(8, device=x.device)" in caught.value.next_step


USED = {
    "now and then": """
        wide = round(8 * width)
        class Net(nn.Module):
            def __init__(self):
                super().__init__()
                self.one, self.two = nn.Linear(192, wide), nn.Linear(wide, wide)
                self.three = nn.Linear(wide, 4)
            def forward(self, x):
                self.count = getattr(self, "count", 0) + 1
                hidden = self.one(x.flatten(1))
                return self.three(self.two(hidden) if self.count % 3 else hidden)
        return Net()
        """,
    "checkpointed": """
        wide = round(8 * width)
        from torch.utils.checkpoint import checkpoint
        class Net(nn.Module):
            def __init__(self):
                super().__init__()
                self.one, self.two = nn.Linear(192, wide), nn.Linear(wide, 4)
            def forward(self, x):
                hidden = self.two.weight.new_zeros(1, requires_grad=True) + x.flatten(1)
                return self.two(checkpoint(self.one, hidden, use_reentrant=True))
        return Net()
        """,
    "without a backward on the meta device": """
        wide = round(8 * width)
        from torch.utils.checkpoint import checkpoint
        class Twice(torch.autograd.Function):
            @staticmethod
            def forward(ctx, x):
                return x * 2
            @staticmethod
            def backward(ctx, grad):
                return grad * grad.sum().item() ** 0
        class Net(nn.Module):
            def __init__(self):
                super().__init__()
                self.one, self.two = nn.Linear(192, wide), nn.Linear(wide, 4)
            def forward(self, x):
                hidden = self.two.weight.new_zeros(1, requires_grad=True) + x.flatten(1)
                return self.two(Twice.apply(checkpoint(self.one, hidden, use_reentrant=True)))
        return Net()
        """,
}


@pytest.mark.parametrize("name", USED)
def test_a_weight_that_some_pass_uses_is_no_error(name: str, write: Write, tmp_path: Path) -> None:
    assert own(write(body(USED[name])), tmp_path).workload.macs > 0


def test_the_line_told_is_the_deepest_one_of_the_users(write: Write, tmp_path: Path) -> None:
    (tmp_path / "own_layers.py").write_text(
        "import torch\n\ndef cut(x):\n    return torch.cat(x)\n"
    )
    name = write("from own_layers import cut\n" + body("return cut(3)"))
    with pytest.raises(FactoryError) as caught:
        own(name, tmp_path)
    first, line = caught.value.message.splitlines()
    assert first.startswith(f"{name} at depth 1, width 1, 8 pixels: TypeError: ")
    assert line == f"  at {tmp_path}/own_layers.py:4, in cut: return torch.cat(x)"


IMPORTS = {
    "missing module": ("no_such_net:build", "no module is called 'no_such_net'"),
    "missing package": ("no_such_net.deep:build", "no module is called 'no_such_net'"),
    "missing function": ("MODULE:bulid", "has no 'bulid'"),
    "not callable": ("MODULE:SIZE", "is of type int, which cannot be called"),
    "wrong signature": ("MODULE:wrong", "cannot be called as a factory is: "),
}


@pytest.mark.parametrize("name", IMPORTS)
def test_a_factory_that_cannot_be_had_is_named(name: str, write: Write, tmp_path: Path) -> None:
    module = write(NET + "\nSIZE = 3\n\ndef wrong(depth, width):\n    return None\n")
    factory, told = IMPORTS[name]
    with pytest.raises(FactoryError, match=told):
        own(factory.replace("MODULE", module.partition(":")[0]), tmp_path)


@pytest.mark.parametrize(
    ("text", "told", "line"),
    [
        ("import no_such_thing\n", "ModuleNotFoundError: No module named 'no_such_thing'", ":1, "),
        ("x = 1\n1 / 0\n", "ZeroDivisionError: division by zero", ":2, in <module>: 1 / 0"),
        ("def build(:\n", "SyntaxError: invalid syntax", ".py:1: def build(:"),
    ],
)
def test_an_import_that_fails_is_told_with_its_line(
    text: str, told: str, line: str, write: Write, tmp_path: Path
) -> None:
    with pytest.raises(FactoryError) as caught:
        own(write(text), tmp_path)
    assert told in caught.value.message
    assert line in caught.value.message.splitlines()[-1]


def test_what_the_code_prints_stays_out_of_the_answer(
    write: Write, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    own(write("print('hello')\n" + NET), tmp_path)
    assert capsys.readouterr().out == ""


def factory_job(name: str, folder: Path, **recipe: object) -> TrainJob:
    return small_job(DATA, **recipe).model_copy(update={"architecture": own(name, folder)})


def trained(job: TrainJob, store: Path, *imports: str) -> JobResult:
    process = Process.single(imports=imports)
    rows = run(job, ArtifactStore.open(str(store)), process, DataCache())
    while True:
        try:
            next(rows)
        except StopIteration as end:
            return end.value


def test_a_job_trains_the_network_with_weights_of_its_seed(write: Write, tmp_path: Path) -> None:
    job = factory_job(write(), tmp_path)
    results = [trained(job, tmp_path / store, str(tmp_path)) for store in ("one", "two")]
    assert [result.status for result in results] == ["done", "done"]
    losses = [result.metrics["train_loss"] for result in results]
    assert losses[0] == losses[1]
    other = job.model_copy(update={"seed": 1})
    assert trained(other, tmp_path / "one", str(tmp_path)).metrics["train_loss"] != losses[0]


MIXED = """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        wide = round(8 * width)
        self.first, self.norm = nn.Conv2d(in_channels, wide, 3), nn.BatchNorm2d(wide)
        self.one, self.two = nn.Linear(wide, wide), nn.Linear(wide, wide)
        self.two.weight = self.one.weight
        self.out = nn.Linear(wide, num_classes)
        self.first.weight.requires_grad = False
        self.register_buffer("third", torch.tensor([1 / 3], dtype=torch.float64))
        self.register_buffer("mask", torch.tensor([0.0, -torch.inf]), persistent=False)
    def forward(self, x):
        hidden = self.norm(self.first(x)).relu().mean((2, 3))
        return self.out(self.two(self.one(hidden).relu())) + self.third.float()
return Net()
"""
"""Frozen and tied weights, and buffers of every kind."""


def test_frozen_and_tied_weights_and_fine_buffers_are_trained_and_resumed(
    write: Write, tmp_path: Path
) -> None:
    recipe = {"ema": 0.9, "weight_decay": 0.5, "epochs": 2}
    job = factory_job(write(body(MIXED)), tmp_path, **recipe)
    whole, parted = (ArtifactStore.open(str(tmp_path / name)) for name in ("whole", "parted"))
    assert trained(job, tmp_path / "whole", str(tmp_path)).status == "done"
    rows = run(job, parted, Process.single(imports=(str(tmp_path),)), DataCache())
    next(rows)
    rows.close()
    assert trained(job, tmp_path / "parted", str(tmp_path)).attempt == 2
    expected, resumed = (store.checkpoint(job.id).model() for store in (whole, parted))
    assert all(torch.equal(resumed[name], tensor) for name, tensor in expected.items())
    assert expected["model.third"].dtype == torch.float64
    assert expected["model.third"].item() == 1 / 3 and "ema.third" not in expected
    assert "model.first.weight" in expected and "ema.first.weight" not in expected
    assert expected["ema.mask"].tolist() == [0.0, -torch.inf]
    assert not any(tensor.isnan().any() for tensor in expected.values())


def test_without_the_grant_nothing_is_imported(write: Write, tmp_path: Path) -> None:
    job = factory_job(write(), tmp_path)
    module = job.architecture.factory.partition(":")[0]
    del sys.modules[module]
    result = trained(job, tmp_path / "store")
    assert result.status == "failed"
    assert "is imported only if the command line allows it" in result.cause.message
    assert module not in sys.modules


def test_the_recipes_momentum_reaches_every_batch_norm(write: Write, tmp_path: Path) -> None:
    network = own(write(), tmp_path)
    module = built.build(network, norm_momentum=0.25, imports=(str(tmp_path),))
    norms = [layer for layer in module.modules() if isinstance(layer, nn.BatchNorm2d)]
    assert [norm.momentum for norm in norms] == [0.25]


def test_a_factory_that_has_changed_since_the_plan_fails_the_job(
    write: Write, tmp_path: Path
) -> None:
    job = factory_job(write(), tmp_path)
    module = job.architecture.factory.partition(":")[0]
    del sys.modules[module]
    (tmp_path / f"{module}.py").write_text(NET.replace("8 * width", "9.5 * width"))
    result = trained(job, tmp_path / "store", str(tmp_path))
    assert result.status == "failed"
    assert "the factory builds another network than the planned one" in result.cause.message


def test_python_m_jobs_takes_the_flag(
    write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    job = factory_job(write(), tmp_path, epochs=1)
    request = JobRequest(job=job, resources=Resources(workers=2, gpus=0))
    Path("job.json").write_text(request.model_dump_json())
    assert main(["job.json", "--store", "one"]) == 1
    assert main(["job.json", "--store", "one", "--allow-import"]) == 0
    words = ["compound.jobs", "job.json", "--store", "two", "--allow-import"]
    ran = run_forked(*words, ranks=2)
    both = JobResult.model_validate(json.loads(ran.stdout))
    assert (both.status, both.world_size) == ("done", 2)


ANOTHER = {
    "by the device": (
        "size = 3 if torch.empty(0).is_meta else 1\n"
        "layers = [nn.Conv2d(in_channels, round(4 * width), size, padding='same')]",
        "'0.weight' is 4x3x1x1, float32, trained, and was counted as 4x3x3x3, float32, trained",
    ),
    "a layer more": (
        "layers = [nn.Conv2d(in_channels, round(4 * width), 1)]\n"
        "layers += [] if torch.empty(0).is_meta else [nn.PReLU()]",
        "'1.weight' was not counted: it is 1, float32, trained",
    ),
    "frozen": (
        "layers = [nn.Conv2d(in_channels, round(4 * width), 1)]\n"
        "layers[0].requires_grad_(torch.empty(0).is_meta)",
        "'0.weight' is 4x3x1x1, float32, frozen, and was counted as 4x3x1x1, float32, trained",
    ),
    "a setting": (
        "layers = [nn.Conv2d(in_channels, round(4 * width), 1)]\n"
        "layers += [nn.Dropout(0.5 if torch.empty(0).is_meta else 0.1)]",
        "the layer '1' is Dropout(p=0.1, inplace=False), and was counted as Dropout(p=0.5, ",
    ),
    "in forward": (
        "layers = [nn.Conv2d(in_channels, round(4 * width), 1)]\n"
        "if not torch.empty(0).is_meta:\n"
        "    layers[0].forward = lambda x: x.new_zeros(len(x), round(4 * width), 8, 8)",
        "its layers are those that were counted, but its forward runs others",
    ),
}
"""Factories that build another network with numbers than without, and the first difference."""
ENDS = """
return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(),
                     nn.Linear(round(4 * width), num_classes))
"""


@pytest.mark.parametrize("name", ANOTHER)
def test_another_network_with_numbers_than_without_is_not_trained(
    name: str, write: Write, tmp_path: Path
) -> None:
    lines, told = ANOTHER[name]
    job = factory_job(write(body(lines + ENDS)), tmp_path)
    result = trained(job, tmp_path / "store", str(tmp_path))
    assert result.cause is not None
    assert (result.status, result.epochs, result.cause.kind) == ("failed", 0, "data")
    assert told in result.cause.message


EVERY_CALL = """
import itertools
SIZES = itertools.count(1)
def build(*, depth, width, resolution, num_classes, in_channels):
    conv = nn.Conv2d(in_channels, round(4 * width), 2 * next(SIZES) + 1, padding="same")
    return nn.Sequential(conv, nn.Flatten(), nn.Linear(256, num_classes))
"""


def test_another_network_at_every_call_is_refused_by_plan(write: Write, tmp_path: Path) -> None:
    with pytest.raises(OtherNetworkError) as caught:
        own(write("from torch import nn\n" + EVERY_CALL), tmp_path)
    assert "'0.weight' is 4x3x5x5, float32, trained, and was counted" in caught.value.message


def test_every_start_compares_what_it_builds(write: Write, tmp_path: Path) -> None:
    lines = "layers = [nn.Conv2d(in_channels, round(4 * width), 3, padding='same')]"
    switch = "size = 3 if torch.empty(0).is_meta or not Path(SWITCH).exists() else 1"
    text = body(switch + "\n" + lines.replace(", 3,", ", size,") + ENDS)
    head = f"from pathlib import Path\nSWITCH = {str(tmp_path / 'switch')!r}\n"
    job = factory_job(write(head + text), tmp_path, epochs=2)
    store = ArtifactStore.open(str(tmp_path / "store"))
    rows = run(job, store, Process.single(imports=(str(tmp_path),)), DataCache())
    next(rows)
    rows.close()
    (tmp_path / "switch").touch()
    resumed = trained(job, tmp_path / "store", str(tmp_path))
    assert (resumed.status, resumed.cause.kind) == ("failed", "data")
    assert "'0.weight' is 4x3x1x1" in resumed.cause.message
    request = JobRequest(job=job, resources=Resources(workers=2, gpus=0))
    (result,) = LocalRunner((str(tmp_path),)).run([request], store.uri, lambda event: None)
    assert (result.status, result.cause.kind) == ("failed", "data")
    assert "'0.weight' is 4x3x1x1" in result.cause.message


ALIKE = {
    "plain tensors": """
        class Net(nn.Module):
            def __init__(self):
                super().__init__()
                self.mean, self.out = torch.tensor([0.5]), nn.Linear(192, round(4 * width))
                self.last = nn.Linear(round(4 * width), 4)
            def forward(self, x):
                return self.last(self.out((x - self.mean.to(x.device)).flatten(1)))
        return Net()
        """,
    "built with numbers": """
        rates = [rate.item() for rate in torch.linspace(0, 0.1, 3)]
        class Net(nn.Module):
            def __init__(self):
                super().__init__()
                self.mean, self.out = torch.tensor([0.5]), nn.Linear(192, round(4 * width))
                self.last = nn.Linear(round(4 * width), 4)
            def forward(self, x):
                return self.last(self.out((x - self.mean.to(x.device)).flatten(1)))
        return Net()
        """,
    "a forward that keeps the first weights": """
        wide = round(4 * width)
        net = nn.Sequential(nn.Flatten(), nn.Linear(192, wide), nn.Linear(wide, 4))
        net[1].forward = lambda x: x @ net[1].weight.T + net[1].bias
        return net
        """,
    "weight norm": """
        norm = nn.utils.parametrizations.weight_norm
        return nn.Sequential(nn.Flatten(), norm(nn.Linear(192, round(4 * width))),
                             nn.Linear(round(4 * width), 4))
        """,
    "older weight norm": """
        import warnings
        warnings.simplefilter("ignore")
        norm = nn.utils.weight_norm
        return nn.Sequential(nn.Flatten(), norm(nn.Linear(192, round(4 * width))),
                             nn.Linear(round(4 * width), 4))
        """,
    "mixed": MIXED,
}
"""Networks that are the same with numbers and without, though it is not plain to see."""


@pytest.mark.parametrize("name", ALIKE)
def test_the_same_network_is_trained(name: str, write: Write, tmp_path: Path) -> None:
    job = factory_job(write(body(ALIKE[name])), tmp_path, epochs=1)
    result = trained(job, tmp_path / "store", str(tmp_path))
    assert result.status == "done", result.cause
