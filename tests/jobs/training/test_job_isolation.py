"""The jobs of one process: none finds what another has set, or left in memory."""

import gc
import random
import sys
import warnings
import weakref
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.overrides import BaseTorchFunctionMode
from torch.utils._python_dispatch import BaseTorchDispatchMode

import compound.jobs.run_job as running
import compound.jobs.training.job_trainer as job_trainer
from compound.jobs.models.build import build
from compound.jobs.models.scaled import Networks
from compound.jobs.run_job import Process, run
from compound.jobs.runtime.torch_settings import SETTINGS, Setting, current, put, settled, unchanged
from compound.jobs.store.artifacts import ArtifactStore
from compound.jobs.training.data_cache import DataCache
from compound.jobs.training.job_isolation import isolated
from compound.schemas.job import JobResult, TrainJob
from tests.support.back_ends import sizes
from tests.support.overflowing_networks import Overflow
from tests.support.small_jobs import small_job

OTHER = {
    "the default dtype": torch.float64,
    "the default device": torch.device("meta"),
    "deterministic algorithms": (True, True),
    "threads": 3,
    "float32 products on the CPU": ("bf16", "bf16", "bf16"),
    "float32 matrix products of CUDA": "tf32",
    "float32 convolutions of cuDNN": ("tf32", "tf32"),
    "modes of functions": (BaseTorchFunctionMode(),),
    "modes of operations": (BaseTorchDispatchMode(),),
    "hooks on saved tensors": (torch.clone, torch.clone),
    "the depth of autocast": 2,
    "the dtype of autocast of cpu": torch.float16,
    "the dtype of autocast of cuda": torch.bfloat16,
    "hooks on every module": {"_global_forward_hooks": {0: lambda *_: None}},
}
"""A value that no job has, for each setting that is not just on or off."""


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    before = current()
    yield
    put(before)


def another(setting: Setting) -> object:
    return OTHER.get(setting.name, not setting.start)


def trained(job: TrainJob, store: ArtifactStore, process: Process | None = None) -> JobResult:
    epochs = run(job, store, process or Process.single(), DataCache())
    while True:
        try:
            next(epochs)
        except StopIteration as end:
            return end.value


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda setting: setting.name)
def test_what_a_job_sets_reaches_neither_the_next_nor_the_process(setting: Setting) -> None:
    before = setting.read()
    expected = setting.start if setting.fixed else before
    found = []

    def careless() -> Iterator[None]:
        found.append(setting.read())
        setting.write(another(setting))
        assert setting.read() != expected
        yield None
        found.append(setting.read())

    job, process = small_job(), Process.single(threads=1)
    for _ in range(2):
        for _ in isolated(job, process, 1, careless()):
            assert setting.read() == before
        assert setting.read() == before
    assert found == [expected] * 4


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda setting: setting.name)
def test_a_job_starts_from_known_settings_whatever_it_finds(setting: Setting) -> None:
    if not setting.fixed:
        pytest.skip("a job leaves what it finds as it is")
    setting.write(another(setting))
    with settled(threads=1):
        assert setting.read() == setting.start
    assert setting.read() == another(setting)


class Kept:
    """Enters contexts of torch and leaves none."""

    def __init__(self) -> None:
        self.contexts: list[object] = []

    def enter(self, name: str) -> None:
        context = ENTERED[name]()
        context.__enter__()
        self.contexts.append(context)


ENTERED = {
    "inference mode": torch.inference_mode,
    "no_grad": torch.no_grad,
    "a device": lambda: torch.device("meta"),
    "a function mode": BaseTorchFunctionMode,
    "a dispatch mode": BaseTorchDispatchMode,
    "autocast": lambda: torch.autocast("cpu", torch.float16, cache_enabled=False),
    "hooks": lambda: torch.autograd.graph.saved_tensors_hooks(torch.clone, torch.clone),
}


@pytest.fixture
def kept() -> Kept:
    return Kept()


@pytest.mark.parametrize("name", ENTERED)
def test_what_a_network_enters_and_never_leaves_ends_with_its_job(
    name: str, kept: Kept, tmp_path: Path, monkeypatch
) -> None:
    """Whether that job itself comes to its end or not."""
    before, job = current(), small_job(epochs=1)
    expected = trained(job, ArtifactStore.open(str(tmp_path / "a")))
    with monkeypatch.context() as patch:
        built = running.Trainer._laid_out

        def entering(self: running.Trainer) -> object:
            self.module.register_forward_hook(lambda *_: kept.enter(name))
            return built(self)

        patch.setattr(running.Trainer, "_laid_out", entering)
        trained(job, ArtifactStore.open(str(tmp_path / "b")))
    assert kept.contexts and not torch.is_inference_mode_enabled() and current() == before
    result = trained(job, ArtifactStore.open(str(tmp_path / "c")))
    assert result.status == "done", result.cause
    assert result.metrics["train_loss"] == expected.metrics["train_loss"]
    assert torch.ones(2, requires_grad=True).exp().requires_grad


@pytest.mark.parametrize("name", ENTERED)
def test_what_a_factory_enters_and_never_leaves_is_put_back_and_told(name: str, kept: Kept) -> None:
    before = current()
    with unchanged() as changed:
        kept.enter(name)
        kept.enter(name)
    assert changed and current() == before and not torch.is_inference_mode_enabled()
    assert torch.ones(2, requires_grad=True).exp().sum().backward() is None
    with torch.inference_mode():
        with unchanged() as changed:
            assert torch.is_inference_mode_enabled()
        assert changed == [] and torch.is_inference_mode_enabled()
    with torch.no_grad(), unchanged() as changed:
        assert not torch.is_grad_enabled()
    assert changed == []


def test_a_default_device_below_another_is_put_back(kept: Kept) -> None:
    with unchanged() as changed:
        kept.enter("a device")
        torch.set_default_device("meta")
        kept.enter("a device")
    assert "the default device" in changed and "modes of functions" in changed
    assert torch.ones(1).device.type == "cpu"


def test_warnings_that_a_job_silences_are_heard_again(tmp_path: Path) -> None:
    def silent() -> Iterator[None]:
        warnings.simplefilter("ignore")
        yield None

    before = list(warnings.filters)
    assert list(isolated(small_job(), Process.single(), 1, silent())) == [None]
    assert list(warnings.filters) == before


def test_numbers_are_the_same_after_a_careless_process(tmp_path: Path) -> None:
    first = trained(small_job(recipe="paper"), ArtifactStore.open(str(tmp_path / "a")))
    for setting in SETTINGS:
        if setting.fixed:
            setting.write(another(setting))
    second = trained(small_job(recipe="paper"), ArtifactStore.open(str(tmp_path / "b")))
    names = ("train_loss", "validation_loss")
    assert first.status == second.status == "done", second.cause
    assert [first.metrics[name] for name in names] == [second.metrics[name] for name in names]


CARELESS = """
import random, warnings
import numpy as np
import torch
from torch import nn

torch.set_default_dtype(torch.float64)
torch.set_grad_enabled(False)
torch.backends.cudnn.benchmark = True
torch.use_deterministic_algorithms(True)
torch.manual_seed(1); random.seed(1); np.random.seed(1)
nn.modules.module.register_module_forward_hook(lambda module, given, output: None)

def build(*, depth, width, resolution, num_classes, in_channels):
    torch.set_num_threads(3)
    net = nn.Sequential(nn.Conv2d(in_channels, 8, 3, 2, 1), nn.BatchNorm2d(8), nn.ReLU(),
                        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, num_classes))
    if not net[0].weight.is_meta:
        with torch.no_grad():
            net[0].weight.mul_(1 + random.random() + float(np.random.random()))
    return net
"""


def test_a_factory_builds_the_same_network_whatever_was_before(tmp_path: Path, caplog) -> None:
    (tmp_path / "careless_net.py").write_text(CARELESS)
    folders, before = (str(tmp_path),), current()
    drawn = random.getstate(), np.random.get_state()[1].tolist()
    try:
        networks = Networks(folders)
        network = networks.own("careless_net:build", 8, 4, 3)
        built = []
        for _ in range(2):  # the first imports the module, the second finds it
            sys.modules.pop("careless_net") if not built else None
            torch.manual_seed(5)
            built.append(build(network, imports=folders).state_dict())
            random.random()
            np.random.random()
    finally:
        sys.modules.pop("careless_net", None)
        sys.path.remove(folders[0])
    assert current() == before and drawn[0] != random.getstate()
    for name, tensor in built[0].items():
        assert torch.equal(tensor, built[1][name]), name
    assert built[0]["0.weight"].dtype == torch.float32
    assert "changed the default dtype, gradients, deterministic algorithms" in caplog.text


def test_a_factory_leaves_the_generators_as_they_were() -> None:
    states = random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state()
    with unchanged() as changed:
        random.random(), np.random.random(), torch.rand(1)
        torch.manual_seed(1)
    assert random.getstate() == states[0] and changed == []
    assert np.random.get_state()[1].tolist() == states[1]
    assert torch.equal(torch.get_rng_state(), states[2])


@pytest.mark.parametrize("compiled", [False, True])
@sizes("jobs", commit=2, full=5)
def test_nothing_of_a_job_stays_in_memory(
    tmp_path: Path, monkeypatch, compiled: bool, jobs: int
) -> None:
    """Several jobs in one process: no trainer, module or buffer outlives its job."""
    monkeypatch.setattr(torch, "compile", _eagerly(torch.compile))
    alive: list[weakref.ref[object]] = []

    class Watched(running.Trainer):
        def __init__(self, *given: object, **options: object) -> None:
            super().__init__(*given, **options)
            held = (self, self.module, self.flat.values, self.flat.gradients, self.optimiser)
            alive.extend(map(weakref.ref, held))

    monkeypatch.setattr(job_trainer, "Trainer", Watched)
    store = ArtifactStore.open(str(tmp_path))
    for seed in range(jobs):
        job = small_job(seed=seed, recipe="paper", epochs=1, compile=compiled)
        assert trained(job, store).status == "done"
        gc.collect()
        assert len(alive) == 5 * (seed + 1) and not [one for one in alive if one() is not None]


def test_a_failed_job_leaves_nothing_either(tmp_path: Path, monkeypatch) -> None:
    alive: list[weakref.ref[object]] = []

    class Broken(running.Trainer):
        def train(self, *given: object, **options: object) -> torch.Tensor:
            alive.append(weakref.ref(self.module))
            raise RuntimeError("broken")

    monkeypatch.setattr(job_trainer, "Trainer", Broken)
    assert trained(small_job(), ArtifactStore.open(str(tmp_path))).status == "failed"
    gc.collect()
    assert [one() for one in alive] == [None]


def test_a_diverged_job_is_looked_into_with_its_memory_free(tmp_path: Path, monkeypatch) -> None:
    """The first trainer is gone when the second is built, without help of the collector."""
    alive: list[weakref.ref[object]] = []
    counts, built = [], running.trainer_of

    def counted(*given: object) -> running.Trainer:
        counts.append(sum(trainer() is not None for trainer in alive))
        trainer = built(*given)
        next(iter(trainer.module.children())).append(Overflow(2))
        alive.append(weakref.ref(trainer))
        return trainer

    monkeypatch.setattr(running, "trainer_of", counted)
    result = trained(small_job(), ArtifactStore.open(str(tmp_path)))
    assert (
        result.cause.kind == "diverged"
        and "is the first that produces such values" in result.cause.message
    )
    assert counts == [0, 0]


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU on this machine")
def test_a_gpu_has_its_memory_back_after_each_job(tmp_path: Path) -> None:
    store, process = ArtifactStore.open(str(tmp_path)), Process.single(device="cuda")
    assert trained(small_job(epochs=1), store, process).status == "done"  # cuBLAS keeps a workspace
    start = torch.cuda.memory_allocated()
    for seed, width in enumerate((2.0, 8.0, 1.0, 4.0, 1.0), start=1):
        job = small_job(seed=seed, epochs=1, recipe="paper", batch=int(32 * width) // 2 * 2)
        assert trained(job, store, process).status == "done"
        assert abs(torch.cuda.memory_allocated() - start) < 2**20


def _eagerly(compile: object) -> object:
    """Trace as torch.compile does, and run the graphs as they are: in seconds, not in minutes."""
    return lambda model, **options: compile(model, backend="eager", **options)  # type: ignore[operator]
