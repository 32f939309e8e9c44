"""`compound doctor`: what it prints and how it exits, on sound and broken hosts."""

import json
from pathlib import Path

import pytest

from compound.orchestrator.cli import doctor as doctoring
from compound.schemas.machine.host import HostFacts, Trial
from tests.support.hosts_with_gpus import host, mig, torch_facts

BROKEN = host(torch=torch_facts(0, version="2.13.0+cpu", cuda=""), trials=())


def run(
    monkeypatch: pytest.MonkeyPatch, folder: Path, facts: HostFacts | None, *, as_json: bool
) -> int:
    """Run the doctor as if it had found these facts; return its exit code."""
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    if facts is not None:
        versions = dict.fromkeys(doctoring.PACKAGES, "1.0") | facts.packages
        facts = facts.model_copy(update={"packages": versions})
        monkeypatch.setattr(doctoring, "gather", lambda address_of: facts)
    try:
        doctoring.doctor(str(folder / "runs"), None, as_json=as_json)
    except SystemExit as end:
        return int(end.code or 0)
    return 0


def test_a_host_without_gpus_is_told_in_one_line(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert (
        run(monkeypatch, tmp_path, HostFacts(host="laptop", compiler="/usr/bin/g++"), as_json=False)
        == 0
    )
    lines = capsys.readouterr().out.splitlines()
    assert lines[-1] == "laptop: no NVIDIA GPU, so jobs train on its CPU"


def test_a_sound_host_is_a_table_of_its_devices(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, tmp_path, host(), as_json=False) == 0
    text = capsys.readouterr().out
    assert "cuda:1" in text and "H200" in text and "9.0" in text
    assert "driver 580.82.07, torch 2.13.0+cu130, CUDA 13.0, cuDNN 91900, NCCL 2.28.9" in text
    assert "TF32 by default: convolutions" in text
    assert "wrong:" not in text


def test_what_is_wrong_comes_with_a_command_and_exits_with_one(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, tmp_path, BROKEN, as_json=False) == 1
    text = capsys.readouterr().out
    assert "wrong: torch 2.13.0+cpu is a build for CPUs" in text
    assert "  next: pip install" in text


def test_notes_alone_exit_with_zero(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, tmp_path, host(driver=mig("1g.18gb")), as_json=False) == 0
    assert "note: GPU 0 NVIDIA H200 is 1 MIG instance" in capsys.readouterr().out


def test_json_holds_checks_findings_and_hosts(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, tmp_path, BROKEN, as_json=True) == 1
    answer = json.loads(capsys.readouterr().out)
    assert not answer["ok"] and all(check["ok"] for check in answer["checks"])
    assert answer["findings"][0]["fix"].startswith("pip install")
    assert HostFacts.model_validate_json(json.dumps(answer["hosts"][0])).module == "580.82.07"


def test_lines_fit_a_narrow_terminal(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = host(trials=(Trial(device="cuda:0", kind="error", error="illegal access " * 9),))
    run(monkeypatch, tmp_path, broken, as_json=False)
    _, _, hosts = capsys.readouterr().out.partition("\n\n")  # a store's address is never cut
    lines = [line.rstrip() for line in hosts.splitlines()]
    assert lines and all(len(line) <= 80 for line in lines if not line.startswith("  next:"))


def test_this_machine_is_judged_for_real(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code = run(monkeypatch, tmp_path, None, as_json=True)
    answer = json.loads(capsys.readouterr().out)
    assert code == (0 if answer["ok"] else 1)


@pytest.mark.ray
@pytest.mark.usefixtures("ray_session")
def test_every_host_of_a_cluster_is_looked_at() -> None:
    from compound.cluster.host_checks import facts_of_hosts

    (facts,), missing = facts_of_hosts()
    assert missing == []
    assert facts.counted == 0 and facts.address
    assert {"lo"} <= {interface.name for interface in facts.interfaces}
    assert facts.packages["ray"] == "2.60.0"
