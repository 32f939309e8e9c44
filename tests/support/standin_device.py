"""A device that is not there: its tensors say that they lie on it, and live on the CPU.

Within `Standin()` the device `standin` takes part in a program as a GPU would. Mixing it with CPU
tensors raises. What would hold the host up is counted by the line of the project that caused it:
copies that are not from or to page-locked memory, reads of single values, results whose size the
host has to learn. Operations are counted by phase, views and empty tensors left out.

torch's own CPU kernels compute, with the CPU's generator, so results are those of the CPU.
"""

from collections.abc import Sequence
from types import TracebackType
from typing import Any, Self

import torch
from torch import Tensor
from torch.library import Library
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map

from tests.support.standin_backend import NAME, autocast, own_kernels
from tests.support.standin_tally import Tally, current_spot

_READS = {"_local_scalar_dense": "a value is read", "equal": "two tensors are compared"}
_SIZED = {"nonzero", "masked_select", "_unique2", "unique_dim", "unique_consecutive", "bincount"}
_INDEXED = {"index", "index_put", "index_put_", "_index_put_impl_", "_unsafe_index"}
_NO_KERNEL = {
    "detach",
    "alias",
    "lift_fresh",
    "_unsafe_view",
    "_reshape_alias",
    "set_",
    "is_pinned",
}
_EMPTY = ("empty", "new_empty")
_FUSED = (110, 64, 48, 36, 30)
"""Tensors of one launch of a `_foreach` operation, by its lists (ATen's MultiTensorApply.cuh)."""


class OnDevice(torch.Tensor):
    """A tensor that says it lies on the device."""

    host: Tensor
    standin: "Standin"

    @staticmethod
    def __new__(cls, host: Tensor, standin: "Standin") -> "OnDevice":
        """Wrap a CPU tensor. In inference mode views of tensors from outside stay ordinary ones."""
        with torch.inference_mode(host.is_inference()):
            tensor: OnDevice = torch.Tensor._make_wrapper_subclass(  # type: ignore[attr-defined]
                cls,
                host.shape,
                strides=host.stride(),
                storage_offset=host.storage_offset(),
                dtype=host.dtype,
                device=torch.device(NAME, 0),
            )
        tensor.host, tensor.standin = host, standin
        return tensor

    __torch_function__ = torch._C._disabled_torch_function_impl  # type: ignore[assignment]

    @classmethod
    def __torch_dispatch__(
        cls, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        """Reached without the mode: by autograd's threads."""
        tensors = (leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, OnDevice))
        return next(tensors).standin.mode.run(func, args, kwargs or {})

    @property
    def data(self) -> Tensor:
        """The tensor without its history; giving it another lets both look at the same memory."""
        plain: Tensor = torch.Tensor.data.__get__(self)  # type: ignore[attr-defined]
        return plain

    @data.setter
    def data(self, value: Tensor) -> None:
        assert isinstance(value, OnDevice), "a tensor on the device cannot move from there"
        torch.Tensor.data.__set__(self, value)  # type: ignore[attr-defined]
        self.host = value.host

    def tolist(self) -> Any:
        """Return the values, by way of the host as torch would."""
        return self.cpu().tolist()

    def __repr__(self) -> str:  # type: ignore[override]
        return f"OnDevice({tuple(self.shape)}, {self.dtype})"


class Standin:
    """Makes the device usable while its context lasts; `tally` is what was counted in it."""

    def __init__(self) -> None:
        self.tally = Tally()
        self.mode = _Mode(self)
        self._kernels: list[Library] = []

    def __enter__(self) -> Self:
        self._kernels = [*autocast(), own_kernels()]
        # torch.tensor then makes a CPU tensor and moves it, instead of asking for a C++ backend.
        torch._C._set_only_lift_cpu_tensors(True)
        self.mode.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.mode.__exit__(kind, error, trace)
        torch._C._set_only_lift_cpu_tensors(False)
        for library in self._kernels:
            library._destroy()

    def restart(self) -> Tally:
        """Return what was counted so far, and begin at zero."""
        tally, self.tally = self.tally, Tally()
        return tally


class _Mode(TorchDispatchMode):
    """What every operation passes through while the device is there."""

    def __init__(self, standin: Standin) -> None:
        super().__init__()
        self._standin = standin
        self._pinned: dict[int, Tensor] = {}
        """Page-locked memory by its address, never freed, so that no address comes again."""

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        if not _composite(func):
            return self.run(func, args, kwargs or {})
        with self:  # in inference mode operations come here before they are taken apart
            return func.decompose(*args, **(kwargs or {}))

    @property
    def tally(self) -> Tally:
        """Where to count."""
        return self._standin.tally

    def run(self, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Do an operation on the CPU, as the device would have to."""
        name = func.overloadpacket.__name__
        leaves = tree_leaves((args, kwargs))
        ours = [leaf for leaf in leaves if isinstance(leaf, OnDevice)]
        hosts = [t for t in leaves if isinstance(t, Tensor) and not isinstance(t, OnDevice)]
        if name == "is_pinned":
            return self._is_pinned(args[0])
        there = _on_device(kwargs["device"]) if kwargs.get("device") is not None else bool(ours)
        crossing = False
        if name in ("_to_copy", "copy_"):
            there = isinstance(args[0], OnDevice) if name == "copy_" else there
            crossing = self._moved(name, args, kwargs, there)
        elif ours:
            self._check(func, name, args, hosts)
        if there and not crossing:
            self._count(func, name, args)
        plain, named = tree_map(_host, (args, kwargs))
        pin = named.pop("pin_memory", False) or name == "_pin_memory"
        if "device" in named:
            named["device"] = torch.device("cpu")
        result = _copied(args[0]) if name == "_pin_memory" else func(*plain, **named)
        if pin:
            self._pinned[_address(result)] = result
        return self._wrapped(result, ours) if there and name not in _READS else result

    def _wrapped(self, result: Any, ours: Sequence[OnDevice]) -> Any:
        """Return results on the device; what an operation changed in place is its argument."""
        own = {id(tensor.host): tensor for tensor in ours}

        def placed(leaf: Any) -> Any:
            if id(leaf) in own:
                return own[id(leaf)]
            plain = isinstance(leaf, Tensor) and not isinstance(leaf, OnDevice)
            return OnDevice(leaf, self._standin) if plain else leaf

        return tree_map(placed, result)

    def _moved(self, name: str, args: tuple[Any, ...], kwargs: dict[str, Any], there: bool) -> bool:
        """Return whether a copy goes from one device to the other; count it then."""
        source = args[0] if name == "_to_copy" else args[1]
        if isinstance(source, OnDevice) == there:
            return False
        asynchronous = kwargs.get("non_blocking") or (name == "copy_" and args[2:3] == (True,))
        # torch itself pins what `.to("cpu", non_blocking=True)` makes.
        pinned = name == "_to_copy" if not there else self._is_pinned(source)
        pinned = pinned or (name == "copy_" and self._is_pinned(args[0]))
        if asynchronous and pinned and _alike(name, args, kwargs):
            self.tally.copies[current_spot()] += 1
        else:
            self.tally.waits["to the device" if there else "to the host", current_spot()] += 1
        return True

    def _check(self, func: Any, name: str, args: Any, hosts: Sequence[Tensor]) -> None:
        """Count what would hold the host up. RuntimeError: tensors of both devices meet."""
        if name in _READS or name in _SIZED:
            self.tally.waits[_READS.get(name, f"the size of {name}"), current_spot()] += 1
        scalars = torch.Tag.pointwise in func.tags
        strangers = [tensor for tensor in hosts if tensor.dim() or not scalars]
        if name in _INDEXED and isinstance(args[0], OnDevice):
            indices = [leaf for leaf in args[1] if isinstance(leaf, Tensor)]
            if any(leaf.dtype in (torch.bool, torch.uint8) for leaf in indices):
                self.tally.waits["indexing by a mask", current_spot()] += 1
            if any(not isinstance(leaf, OnDevice) for leaf in indices):
                self.tally.waits["indexing by a CPU tensor", current_spot()] += 1
            strangers = [t for t in strangers if t.dim() and all(t is not i for i in indices)]
        if strangers and name not in ("set_",):
            self.tally.mixed[name, current_spot()] += 1
            raise RuntimeError(
                f"Expected all tensors to be on the same device, but found at least two devices, "
                f"{NAME}:0 and cpu (aten::{name} at {current_spot().line})"
            )

    def _count(self, func: Any, name: str, args: tuple[Any, ...]) -> None:
        if func.is_view or name in _NO_KERNEL or name in _READS or name.startswith(_EMPTY):
            return
        lists = [arg for arg in args if name.startswith("_foreach") and isinstance(arg, list)]
        launches = -(-len(lists[0]) // _FUSED[len(lists) - 1]) if lists else 1
        self.tally.operations[name, current_spot()] += launches

    def _is_pinned(self, tensor: Tensor) -> bool:
        return not isinstance(tensor, OnDevice) and _address(tensor) in self._pinned


def _copied(tensor: Tensor) -> Tensor:
    """Return a copy with the gaps that the tensor has between its rows, as pinning makes it."""
    return torch.empty_strided(tensor.shape, tensor.stride(), dtype=tensor.dtype).copy_(tensor)


def _alike(name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
    """Whether a copy moves bytes as they lie: others go through pageable memory of CUDA's own.

    See copy_requires_temporaries in ATen/native/cuda/Copy.cu.
    """
    if name == "copy_":
        target, source = _host(args[0]), _host(args[1])
    else:
        source, format_ = _host(args[0]), kwargs.get("memory_format") or torch.preserve_format
        dtype = kwargs.get("dtype") or source.dtype
        target = torch.empty_like(source, dtype=dtype, memory_format=format_, device="meta")
    dense = torch.empty_like(source, device="meta").stride() == source.stride()
    same = source.shape == target.shape and source.stride() == target.stride()
    return source.dtype == target.dtype and dense and same


def _address(tensor: Tensor) -> int:
    return tensor.untyped_storage().data_ptr()


def _host(leaf: Any) -> Any:
    return leaf.host if isinstance(leaf, OnDevice) else leaf


def _on_device(device: Any) -> bool:
    return torch.device(device).type == NAME


def _composite(func: Any) -> bool:
    """Whether an operation is always made of others."""
    own = torch._C._dispatch_has_kernel_for_dispatch_key(func.name(), "CPU")
    return bool(func._can_decompose()) and not own
