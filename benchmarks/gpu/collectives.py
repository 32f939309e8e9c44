"""Part 9: NCCL in a world of one, which a single GPU can show. On a CPU: gloo."""

import os
import socket
import warnings
from collections.abc import Callable

import torch
from torch import distributed, nn
from torch.distributed.device_mesh import init_device_mesh
from torch.nn.parallel import DistributedDataParallel

from compound.jobs.parallel.data_parallel import average_in_bfloat16
from tests.support.gpu_session.recorder import Recorder
from tests.support.gpu_session.subjects import Bench


def measure(bench: Bench, recorder: Recorder) -> None:
    """Call what training calls, each by itself; none may raise or warn."""
    checks: dict[str, Callable[[Bench], bool]] = {
        "join": _join,
        "int64 MIN": _least,
        "float64 SUM": _sum,
        "empty uint8 broadcast": _empty,
        "bfloat16 hook": _hook,
        "fully_shard": _sharded,
        "leave": _leave,
    }
    for name, check in checks.items():
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            try:
                right, text = check(bench), ""
                bench.synchronize()
            except Exception as error:
                right, text = False, f"{type(error).__name__}: {error}"[:300]
        text = text or "; ".join(str(warning.message)[:150] for warning in caught)
        recorder.tell(name, text or "right", "right", right)


def _join(bench: Bench) -> bool:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    device = {"device_id": bench.device} if bench.cuda else {}
    backend = bench.pick("nccl", "gloo")
    distributed.init_process_group(backend, rank=0, world_size=1, **device)  # type: ignore[arg-type]
    return distributed.get_backend() == backend


def _least(bench: Bench) -> bool:
    tensor = torch.tensor([2**40, -3], dtype=torch.int64, device=bench.device)
    distributed.all_reduce(tensor, distributed.ReduceOp.MIN)
    return tensor.tolist() == [2**40, -3]


def _sum(bench: Bench) -> bool:
    tensor = torch.tensor([1 / 3], dtype=torch.float64, device=bench.device)
    distributed.all_reduce(tensor)
    return tensor.tolist() == [1 / 3]


def _empty(bench: Bench) -> bool:
    tensor = torch.empty(0, dtype=torch.uint8, device=bench.device)
    distributed.broadcast(tensor, 0)
    return tensor.numel() == 0


def _hook(bench: Bench) -> bool:
    model = DistributedDataParallel(nn.Linear(8, 8).to(bench.device))
    model.register_comm_hook(None, average_in_bfloat16)
    model(torch.ones(4, 8, device=bench.device)).sum().backward()
    gradient = model.module.bias.grad
    return gradient is not None and gradient.tolist() == [4.0] * 8


def _sharded(bench: Bench) -> bool:
    from torch.distributed.fsdp import fully_shard

    mesh = init_device_mesh(bench.kind, (1,))
    model = nn.Sequential(nn.Linear(8, 8), nn.Linear(8, 1)).to(bench.device)
    for layer in model:
        fully_shard(layer, mesh=mesh)
    fully_shard(model, mesh=mesh)
    model(torch.ones(4, 8, device=bench.device)).sum().backward()
    return all(weight.grad is not None for weight in model.parameters())


def _leave(bench: Bench) -> bool:
    distributed.destroy_process_group()
    return not distributed.is_initialized()
