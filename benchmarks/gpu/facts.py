"""Part 0: what is there, as `compound doctor` finds it, and what a context takes."""

import os
import shutil
import subprocess

import torch

from compound.jobs.host.gpu_checks import check
from compound.jobs.host.host_facts import gather
from tests.support.gpu_session.recorder import Recorder
from tests.support.gpu_session.subjects import Bench

CONTEXT = (400, 700)
"""MB that a CUDA context is expected to take."""


def measure(bench: Bench, recorder: Recorder) -> None:
    """Tell versions, devices and settings, and what the first tensor takes."""
    before = used_bytes(bench)
    torch.zeros(1, device=bench.device)
    bench.synchronize()
    context_mb = (used_bytes(bench) - before) / 1e6
    least, most = CONTEXT
    right = bench.judged(least <= context_mb <= most)
    recorder.tell("a context, MB", context_mb, f"{least} to {most}", right)
    recorder.tell("convolutions in TF32", torch.backends.cudnn.allow_tf32, "as the spec says")
    recorder.tell("products in TF32", torch.backends.cuda.matmul.allow_tf32, "False")
    facts = gather()
    wrong = [finding.text for finding in check(facts) if finding.level == "wrong"]
    recorder.tell("wrong, says the doctor", wrong, "nothing", not wrong)
    recorder.tell("host", facts.model_dump(mode="json", exclude_defaults=True))


def used_bytes(bench: Bench) -> int:
    """Return what all processes hold on the device, as nvidia-smi says; on a CPU 0."""
    smi = shutil.which("nvidia-smi")
    if not bench.cuda or smi is None:
        return 0
    query = [smi, "--query-gpu=memory.used", "--format=csv,noheader,nounits", "-i", _which()]
    answer = subprocess.run(query, capture_output=True, text=True, timeout=20)
    text = answer.stdout.strip().partition("\n")[0]
    return int(text) * 2**20 if text.isdigit() else 0


def _which() -> str:
    """Return what CUDA_VISIBLE_DEVICES names first; by default the first device."""
    return os.environ.get("CUDA_VISIBLE_DEVICES", "0").partition(",")[0] or "0"
