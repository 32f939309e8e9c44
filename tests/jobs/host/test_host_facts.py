"""The doctor's eyes: what drivers of several versions say, and what follows on broken hosts."""

from pathlib import Path

import pytest

from compound.jobs.host.gpu_checks import check, runs
from compound.jobs.host.host_differences import differences
from compound.jobs.host.host_facts import gather
from compound.jobs.host.nvidia_smi import driver_of, instances_of, module_version
from compound.schemas.machine.host import Driver, HostFacts, Interface, TorchDevice, Trial
from tests.support.forked import run_forked
from tests.support.hosts_with_gpus import (
    ALL_NODES,
    GIB,
    crowded,
    gpus,
    host,
    mig,
    nodes,
    torch_facts,
)

CAPTURED = Path(__file__).parents[2] / "data" / "nvidia"
"""Answers of nvidia-smi on machines of their own, as published; shortened to what is read."""

LISTING = """\
GPU 0: NVIDIA A100-SXM4-80GB (UUID: GPU-513536b6-7d19-9063-b049-1e69664bb298)
  MIG 1g.20gb     Device  0: (UUID: MIG-ce861fb0-a248-58ce-a9a8-f9adbc22a66a)
  MIG 1g.20gb     Device  1: (UUID: MIG-a45882f0-9215-5733-a0c1-49286ab31cb5)
  MIG 1g.20gb     Device  2: (UUID: MIG-f00d722c-f4e1-52c9-aa31-750441ae1bfe)
  MIG 1g.20gb     Device  3: (UUID: MIG-930574a9-d43a-5d2b-95da-3e68384c8d6b)
GPU 1: NVIDIA A100-SXM4-80GB (UUID: GPU-d8594bd4-0fc3-8595-e355-7c98138f3b95)
"""


@pytest.mark.parametrize(
    ("text", "version"),
    [
        (
            "NVRM version: NVIDIA UNIX x86_64 Kernel Module  535.54.03  Tue Jun  6 22:20:39 UTC",
            "535.54.03",
        ),
        (
            "NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  565.57.01  Release Build",
            "565.57.01",
        ),
        (
            "NVRM version: NVIDIA UNIX Open Kernel Module for aarch64  580.82.07  Release Build",
            "580.82.07",
        ),
        ("", ""),
    ],
)
def test_the_version_of_the_module_is_read_of_both_kinds(text: str, version: str) -> None:
    assert module_version(text) == version


@pytest.mark.parametrize(
    ("file", "version", "name", "gib", "users"),
    [
        ("format-10-geforce", "", "GeForce GTX 1070 Ti", 4, []),
        ("driver-515-t4", "515.105.01", "Tesla T4", 15, ["python"]),
        ("driver-535-a100-mig", "535.54.03", "NVIDIA A100-SXM4-80GB", 80, []),
        (
            "format-13-rtx-4000",
            "595.84",
            "NVIDIA RTX 4000 SFF Ada Generation",
            20,
            ["python", "/usr/lib/chromium/chromium"],
        ),
    ],
)
def test_what_drivers_of_four_formats_say_is_read(
    file: str, version: str, name: str, gib: int, users: list[str]
) -> None:
    driver = driver_of((CAPTURED / f"{file}.xml").read_text())
    first = driver.gpus[0]
    assert (driver.version, first.name, round(first.memory / GIB)) == (version, name, gib)
    assert [user.name for user in first.users] == users
    assert not first.uncorrected_errors and not driver.error
    assert first.mig == ("mig" in file)


def test_instances_of_mig_have_their_names_from_the_listing() -> None:
    text = (CAPTURED / "driver-535-a100-mig.xml").read_text()
    parts = driver_of(text, LISTING).gpus[0].instances
    assert [part.profile for part in parts] == ["1g.20gb"] * 4
    assert parts[1].uuid == "MIG-a45882f0-9215-5733-a0c1-49286ab31cb5"
    assert parts[0].memory == 19968 * 2**20
    assert [part.profile for part in driver_of(text).gpus[0].instances] == [""] * 4
    assert instances_of("No devices were found") == {}


@pytest.mark.parametrize(
    ("volatile", "count"),
    [
        ("<double_bit><device_memory>1</device_memory><total>2</total></double_bit>", 2),
        ("<sram_uncorrectable>1</sram_uncorrectable><dram_uncorrectable>3</dram_uncorrectable>", 4),
        ("<sram_uncorrectable_secded>2</sram_uncorrectable_secded>", 2),
        ("<sram_correctable>9</sram_correctable><dram_uncorrectable>N/A</dram_uncorrectable>", 0),
    ],
)
def test_errors_that_ecc_could_not_correct_are_counted_in_every_format(
    volatile: str, count: int
) -> None:
    text = f"<gpu><ecc_errors><volatile>{volatile}</volatile></ecc_errors></gpu>"
    text = f"<nvidia_smi_log>{text}</nvidia_smi_log>"
    assert driver_of(text).gpus[0].uncorrected_errors == count


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", "WARNING: infoROM is corrupted at gpu 0000:01:00.0\n"),
        ("WARNING: infoROM is corrupted at gpu 0000:01:00.0\n", "<"),
        ("", "</gpu>"),
    ],
)
def test_what_stands_around_the_xml_is_no_part_of_it(before: str, after: str) -> None:
    text = (CAPTURED / "driver-515-t4.xml").read_text()
    assert driver_of(before + text + after) == driver_of(text)


@pytest.mark.parametrize("memory", ["Insufficient Permissions", "N/A", "[Not Supported]", ""])
def test_a_gpu_whose_memory_is_not_told_is_one(memory: str) -> None:
    usage = "".join(f"<{name}>{memory}</{name}>" for name in ("total", "reserved", "used", "free"))
    user = "<process_info><pid>7</pid><process_name>python</process_name></process_info>"
    text = (
        f"<nvidia_smi_log><gpu id='1'><product_name>NVIDIA GB10</product_name><fb_memory_usage>"
        f"{usage}</fb_memory_usage><processes>{user}</processes></gpu></nvidia_smi_log>"
    )
    (gpu,) = driver_of(text).gpus
    assert (gpu.name, gpu.memory, gpu.used) == ("NVIDIA GB10", 0, None)
    findings = check(host(driver=gpus().model_copy(update={"gpus": (gpu, gpu)})))
    assert {finding.level for finding in findings} == {"note"}
    assert "an unknown part is used by python (7)" in findings[0].text


@pytest.mark.parametrize(
    "text",
    [
        "NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver.",
        "Failed to initialize NVML: Driver/library version mismatch\nNVML library version: 550.54",
        "",
        "<nvidia_smi_log><gpu>",
    ],
)
def test_what_nvidia_smi_says_instead_is_an_error(text: str) -> None:
    assert driver_of(text).error


@pytest.mark.parametrize(
    ("capability", "architectures", "fits"),
    [
        ((9, 0), ("sm_80", "sm_90"), True),
        ((8, 9), ("sm_80", "sm_90"), True),  # the same major version, a later minor one
        ((8, 0), ("sm_86",), False),
        ((7, 0), ("sm_75", "sm_80"), False),
        ((12, 0), ("sm_90",), False),
        ((12, 0), ("sm_90", "compute_90"), True),
        ((9, 0), ("sm_90a",), True),
        ((10, 3), ("sm_100a",), False),
        ((10, 3), ("sm_100f",), True),
        ((9, 0), (), True),
    ],
)
def test_kernels_of_a_build_fit_a_device_or_not(
    capability: tuple[int, int], architectures: tuple[str, ...], fits: bool
) -> None:
    assert runs(capability, architectures) == fits


def small_volta() -> TorchDevice:
    return TorchDevice(index=0, name="Tesla V100", capability=(7, 0), memory=16 * GIB)


def laptop(**update: object) -> HostFacts:
    """Return a sound host without a GPU, changed."""
    lo, memory = (Interface(name="lo"),), 64 * GIB
    made = HostFacts(host="laptop", compiler="/usr/bin/g++", interfaces=lo, shared_memory=memory)
    return made.model_copy(update=update)


BROKEN: dict[str, tuple[HostFacts, str, str]] = {
    "no driver": (
        host(module="", driver=None, nodes=(), listed=0),
        "2 GPUs on the bus, and no NVIDIA driver",
        "install a driver",
    ),
    "no driver in a container": (
        host(module="", driver=None, nodes=(), listed=0, container=True),
        "in this container",
        "docker run --gpus all",
    ),
    "a container without GPUs": (
        host(nodes=(), driver=None, container=True),
        "was given no GPU",
        "docker run --gpus all",
    ),
    "a pod without GPUs": (
        host(
            nodes=(),
            driver=None,
            container=True,
            environment={"KUBERNETES_SERVICE_HOST": "10.0.0.1"},
        ),
        "was given no GPU",
        "nvidia.com/gpu: 1",
    ),
    "no device nodes": (host(nodes=nodes("nvidiactl")), "/dev has no GPU", "nvidia-modprobe"),
    "no unified memory": (
        host(nodes=nodes("nvidiactl", "nvidia0")),
        "nvidia-uvm is missing",
        "nvidia-modprobe -u",
    ),
    "no permission": (
        host(nodes=nodes(*ALL_NODES, usable=False)),
        "may not open /dev/nvidiactl",
        "usermod -aG",
    ),
    "the driver was updated": (
        host(driver=Driver(error="Failed to initialize NVML: Driver/library version mismatch")),
        "version mismatch",
        "sudo reboot",
    ),
    "the container lost its devices": (
        host(driver=Driver(error="Failed to initialize NVML: Unknown Error"), container=True),
        "Unknown Error",
        "restart it",
    ),
    "torch for CPUs": (
        host(torch=torch_facts(0, version="2.13.0+cpu", cuda=""), packages={"torch": "2.13.0+cpu"}),
        "a build for CPUs",
        "torch==2.13.0 --index-url https://download.pytorch.org/whl/cu130",
    ),
    "torch for CPUs, an older driver": (
        host(module="550.54.15", torch=torch_facts(0, version="2.13.0+cpu", cuda="")),
        "a build for CPUs",
        "whl/cu126",
    ),
    "torch for AMD": (host(torch=torch_facts(0, cuda="", rocm="6.4")), "AMD", "whl/cu130"),
    "an old driver": (
        host(module="535.54.03", torch=torch_facts(0)),
        "driver 535.54.03 is too old for CUDA 13.0",
        "whl/cu126",
    ),
    "no kernels": (
        host(torch=torch_facts(devices=(small_volta(), torch_facts().devices[1]))),
        "no kernels for cuda:0 Tesla V100, sm_70",
        "whl/cu126",
    ),
    "torch finds none": (
        host(torch=torch_facts(0, error="CUDA unknown error")),
        "finds none of 2 GPUs: CUDA unknown error",
        "dmesg",
    ),
    "torch finds fewer": (host(torch=torch_facts(1)), "finds 1 of 2 GPUs", "dmesg"),
    "all hidden": (
        host(torch=torch_facts(0), environment={"CUDA_VISIBLE_DEVICES": ""}),
        "CUDA_VISIBLE_DEVICES=(empty) hides all GPUs",
        "unset CUDA_VISIBLE_DEVICES",
    ),
    "all hidden by -1": (
        host(torch=torch_facts(0), environment={"CUDA_VISIBLE_DEVICES": "-1"}),
        "hides all GPUs",
        "unset CUDA_VISIBLE_DEVICES",
    ),
    "one that is not there": (
        host(torch=torch_facts(1), environment={"CUDA_VISIBLE_DEVICES": "0,7"}),
        "names 7, which is not a GPU",
        "unset",
    ),
    "an identifier of another host": (
        host(torch=torch_facts(0), environment={"CUDA_VISIBLE_DEVICES": "GPU-f00"}),
        "names GPU-f00",
        "unset",
    ),
    "memory errors": (host(driver=gpus(uncorrected_errors=3)), "3 memory errors", "nvidia-smi -r"),
    "rows beyond repair": (host(driver=gpus(failed_rows=True)), "cannot be replaced", "replace"),
    "closed": (host(driver=gpus(compute_mode="Prohibited")), "refuses CUDA", "-c DEFAULT"),
    "MIG without instances": (host(driver=mig()), "has no instances", "-lgip"),
    "a full GPU": (host(driver=crowded(140 * GIB)), "140.0 of 141.0 GiB are used", "nvidia-smi"),
    "a device that fails": (
        host(trials=(Trial(device="cuda:1", kind="error", error="an illegal access"),)),
        "cuda:1 cannot train",
        "dmesg",
    ),
    "a device that hangs": (
        host(trials=(Trial(device="cuda:0", kind="worker lost", error="no step within 60 s"),)),
        "no step within 60 s",
        "dmesg",
    ),
    "TF32 forced on products": (
        host(environment={"TORCH_ALLOW_TF32_CUBLAS_OVERRIDE": "1"}),
        "makes products TF32",
        "unset TORCH_ALLOW_TF32_CUBLAS_OVERRIDE",
    ),
    "TF32 switched off": (
        host(environment={"NVIDIA_TF32_OVERRIDE": "0"}),
        "turns TF32 off",
        "unset NVIDIA_TF32_OVERRIDE",
    ),
    "no such interface": (
        host(environment={"NCCL_SOCKET_IFNAME": "ib0"}),
        "names no interface of this host: lo, eth0",
        "unset NCCL_SOCKET_IFNAME",
    ),
    "gloo takes no prefix": (
        host(environment={"GLOO_SOCKET_IFNAME": "eth"}),
        "GLOO_SOCKET_IFNAME=eth",
        "unset",
    ),
    "little shared memory": (
        host(shared_memory=64 * 2**20, container=True),
        "64 MiB",
        "--shm-size",
    ),
    "Ray counts none": (host(counted=0.0), "Ray counts 0 GPUs", "--num-gpus=2"),
    "torch does not start": (host(torch=None), "torch could not be started", "import torch"),
}
NOTED: dict[str, tuple[HostFacts, str]] = {
    "some are hidden": (
        host(torch=torch_facts(1), environment={"CUDA_VISIBLE_DEVICES": "1"}),
        "1 of 2 GPUs are used",
    ),
    "MIG": (host(driver=mig("1g.18gb", "2g.35gb")), "2 MIG instances (1g.18gb, 2g.35gb)"),
    "no nvidia-smi": (host(driver=None), "nvidia-smi is not installed"),
    "exclusive": (host(driver=gpus(compute_mode="Exclusive_Process")), "one process at a time"),
    "someone else": (host(driver=crowded(8 * GIB)), "8.0 of 141.0 GiB are used by python3 (4711)"),
    "rows to be replaced": (host(driver=gpus(pending_rows=True)), "will be replaced"),
    "no direct access": (host(torch=torch_facts(peers=((0, 1), (1, 0)))), "between GPUs 0-1"),
    "slow on purpose": (host(environment={"CUDA_LAUNCH_BLOCKING": "1"}), "slower"),
    "no compiler": (host(compiler=""), "a C compiler is not installed"),
    "no headers": (host(python_header=False), "Python.h is not installed"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_what_is_wrong_is_told_with_its_fix(name: str) -> None:
    facts, text, fix = BROKEN[name]
    findings = check(facts)
    (finding,) = [finding for finding in findings if finding.level == "wrong"]
    assert text in finding.text
    assert fix in finding.fix
    assert finding.host == "node-1"


@pytest.mark.parametrize("name", NOTED)
def test_what_is_worth_knowing_is_told_and_is_no_fault(name: str) -> None:
    facts, text = NOTED[name]
    findings = check(facts)
    assert {finding.level for finding in findings} == {"note"}
    assert any(text in finding.text for finding in findings)


@pytest.mark.parametrize(
    "facts",
    [
        host(),
        host(environment={"NCCL_SOCKET_IFNAME": "eth"}),
        host(environment={"NCCL_SOCKET_IFNAME": "=eth0"}),
        host(environment={"NCCL_SOCKET_IFNAME": "^docker,lo"}),
        host(environment={"CUDA_VISIBLE_DEVICES": "1,0"}),
        host(environment={"CUDA_VISIBLE_DEVICES": "GPU-0,GPU-1"}),
        host(module="610.10", torch=torch_facts(cuda="12.6")),
        laptop(environment={"CUDA_VISIBLE_DEVICES": "", "NVIDIA_TF32_OVERRIDE": "0"}),
        laptop(environment={"NCCL_SOCKET_IFNAME": "ib0", "GLOO_SOCKET_IFNAME": "lo"}),
    ],
    ids=lambda facts: f"{facts.host} {facts.environment} {facts.module}",
)
def test_a_sound_host_and_one_without_gpus_have_no_findings(facts: HostFacts) -> None:
    assert check(facts) == ()


def test_hosts_that_differ_are_named() -> None:
    older = host(host="node-2", module="570.10", torch=torch_facts(nccl="2.27.5"))
    packages = {"python": "3.12.3", "torch": "2.12.0+cu130", "compound": "0.1.0"}
    third = host(host="node-3", packages=packages)
    by_subject = {
        finding.text.partition(" differ")[0]: finding
        for finding in differences([host(), older, third])
    }
    assert set(by_subject) == {"torch", "NCCL", "the NVIDIA driver"}
    assert "2.12.0+cu130 on node-3" in by_subject["torch"].text
    assert "2.27.5 on node-2" in by_subject["NCCL"].text
    assert (by_subject["torch"].level, by_subject["the NVIDIA driver"].level) == ("wrong", "note")
    assert differences([host(), host(host="node-2")]) == ()
    assert differences([host(), HostFacts(host="head", packages=host().packages)]) == ()


def test_this_host_is_looked_at() -> None:
    facts = gather()
    assert facts.host and facts.packages["torch"]
    assert any(interface.name == "lo" for interface in facts.interfaces)
    if not facts.has_gpu:
        assert facts.torch is None
        assert not [finding for finding in check(facts) if finding.level == "wrong"]


def test_what_workers_on_a_cpu_use_is_gathered_too(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    compiler = tmp_path / "g++"
    compiler.write_text("")
    compiler.chmod(0o755)
    for name, value in {"GLOO_SOCKET_IFNAME": "eth9", "OMP_NUM_THREADS": "3"}.items():
        monkeypatch.setenv(name, value)
    for name in ("CXX", "CC"):
        monkeypatch.setenv(name, str(compiler))
    facts = gather()
    assert facts.compiler == str(compiler)
    assert facts.environment["OMP_NUM_THREADS"] == "3"
    (finding,) = [finding for finding in check(facts) if "GLOO_SOCKET_IFNAME=eth9" in finding.text]
    assert finding.level == "wrong" and finding.fix == "unset GLOO_SOCKET_IFNAME"


@pytest.mark.parametrize(
    ("facts", "level", "text", "fix"),
    [
        (
            laptop(environment={"GLOO_SOCKET_IFNAME": "eth9", "NCCL_SOCKET_IFNAME": "ib0"}),
            "wrong",
            "GLOO_SOCKET_IFNAME=eth9 names no interface of this host: lo",
            "unset",
        ),
        (laptop(shared_memory=64 * 2**20, container=True), "note", "64 MiB", "--shm-size"),
        (laptop(compiler=""), "note", "a C++ compiler is not installed", "install g++"),
        (laptop(python_header=False), "note", "Python.h is not installed", "-dev"),
    ],
)
def test_what_is_wrong_for_workers_on_a_cpu_is_told(
    facts: HostFacts, level: str, text: str, fix: str
) -> None:
    (finding,) = check(facts)
    assert finding.level == level
    assert text in finding.text and fix in finding.fix


@pytest.mark.parametrize("device", ["cpu", "cuda:99"])
def test_a_device_is_tried_and_its_failure_told(device: str) -> None:
    ran = run_forked("compound.jobs.host.device_trial", device)
    trial = Trial.model_validate_json(ran.stdout.splitlines()[-1])
    assert bool(trial.steps) == (device == "cpu") == (not trial.error)


def test_torch_is_asked_in_two_lines() -> None:
    ran = run_forked("compound.jobs.host.torch_facts")
    assert len(ran.stdout.splitlines()) == 2
