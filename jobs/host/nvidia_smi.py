"""Parses the output of the NVIDIA driver: pure functions of text."""

import re
from xml.etree import ElementTree

from compound.schemas.machine.host import Driver, Gpu, GpuUser, MigInstance

_MODULE = re.compile(r"NVRM version:.*?Kernel Module(?: for \S+)?\s+(\d+[\d.]+)")
_LISTED_GPU = re.compile(r"GPU (\d+): .*\(UUID: (\S+)\)")
_LISTED_MIG = re.compile(r"\s+MIG (\S+)\s+Device\s+(\d+): \(UUID: (\S+)\)")
_END = "</nvidia_smi_log>"
_MIB = 2**20


def module_version(text: str) -> str:
    """Return the version in /proc/driver/nvidia/version, of the open module too; else empty."""
    version = _MODULE.search(text)
    return version[1] if version else ""


def driver_of(text: str, listing: str = "") -> Driver:
    """Parse the output of `nvidia-smi -q -x`, in any version of its format (10 to 13 are tried).

    `listing`: the output of `nvidia-smi -L`, since only that names MIG instances. Output that is no
    XML, as where nvidia-smi cannot reach the driver, becomes the error.
    """
    try:
        # nvidia-smi prints warnings, as of a corrupted infoROM, before the XML and after it.
        xml = text[text.index("<") : text.index(_END) + len(_END)]
        root = ElementTree.fromstring(xml)  # noqa: S314 - the driver's own
    except (ValueError, ElementTree.ParseError):
        return Driver(error=" ".join(text.split()) or "it has no output")
    instances = instances_of(listing)
    gpus = tuple(
        _gpu(element, instances.get(index, ())) for index, element in enumerate(root.iter("gpu"))
    )
    version = _text(root, "driver_version")
    return Driver(version=version, cuda=_text(root, "cuda_version"), gpus=gpus)


def instances_of(listing: str) -> dict[int, tuple[MigInstance, ...]]:
    """Return the MIG instances that `nvidia-smi -L` lists, by the index of their GPU."""
    instances: dict[int, tuple[MigInstance, ...]] = {}
    index = -1
    for line in listing.splitlines():
        if _LISTED_GPU.match(line):
            index += 1
        elif instance := _LISTED_MIG.match(line):
            parsed = MigInstance(profile=instance[1], uuid=instance[3])
            instances[index] = (*instances.get(index, ()), parsed)
    return instances


def _gpu(element: ElementTree.Element, listed: tuple[MigInstance, ...]) -> Gpu:
    return Gpu(
        name=_text(element, "product_name"),
        uuid=_text(element, "uuid"),
        bus=element.get("id", ""),
        memory=_bytes(_text(element, "fb_memory_usage/total")) or 0,
        used=_bytes(_text(element, "fb_memory_usage/used")),
        mig=_text(element, "mig_mode/current_mig") == "Enabled",
        instances=_instances(element, listed),
        compute_mode=_text(element, "compute_mode") or "Default",
        uncorrected_errors=_uncorrected(element),
        failed_rows=_text(element, "remapped_rows/remapped_row_failure") == "Yes",
        pending_rows=_text(element, "remapped_rows/remapped_row_pending") == "Yes",
        users=tuple(
            _user(process)
            for process in element.findall("processes/process_info")
            if _text(process, "type") != "G"  # graphics: a screen's server takes little memory
        ),
    )


def _instances(
    element: ElementTree.Element, listed: tuple[MigInstance, ...]
) -> tuple[MigInstance, ...]:
    """Return the instances of the XML, with the names of the listing."""
    parts = []
    for index, instance in enumerate(element.findall("mig_devices/mig_device")):
        named = listed[index] if index < len(listed) else MigInstance()
        memory = _bytes(_text(instance, "fb_memory_usage/total")) or 0
        parts.append(named.model_copy(update={"memory": memory}))
    return tuple(parts)


def _uncorrected(element: ElementTree.Element) -> int:
    """Return the sum of the volatile errors that ECC could not correct."""
    # The names of the counters change with the format, and all contain "uncorrect". Older formats
    # have double_bit/total instead.
    volatile = element.find("ecc_errors/volatile")
    if volatile is None:
        return 0
    double = volatile.find("double_bit/total")
    counts = [double] if double is not None else [e for e in volatile if "uncorrect" in e.tag]
    return sum(int(e.text or 0) for e in counts if (e.text or "").strip().isdigit())


def _user(element: ElementTree.Element) -> GpuUser:
    pid = _text(element, "pid")
    return GpuUser(
        pid=int(pid) if pid.isdigit() else 0,
        name=_text(element, "process_name"),
        memory=_bytes(_text(element, "used_memory")),
    )


def _text(element: ElementTree.Element, path: str) -> str:
    return (element.findtext(path) or "").strip()


def _bytes(text: str) -> int | None:
    """Return the bytes of `123 MiB`; None for `N/A` and any other text."""
    amount, _, unit = text.partition(" ")
    return int(amount) * _MIB if unit == "MiB" and amount.isdigit() else None
