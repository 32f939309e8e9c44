"""The answer first, in every command, and advice: on a small study that is really trained."""

import json
import re
import shlex
import shutil
from pathlib import Path

import pytest

from compound.schemas.answer import Answer
from tests.support.command import compound
from tests.support.small_study import SPEC

MORE = "\nbudget: {price_per_cpu_hour: 2.5}\n"


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """Return the spec of a study that has run, and what the run has printed."""
    folder = tmp_path_factory.mktemp("advised")
    path = folder / "small.yaml"
    path.write_text(SPEC.format(store=folder / "runs", epochs=6) + MORE)
    done = compound("run", str(path), "--runner", "local", cwd=folder)
    assert done.returncode == 0, done.stderr
    return path, done.stdout


def stored(path: Path) -> Answer:
    """Return the answer that the store has, as `status` reads it."""
    shown = json.loads(compound("status", str(path), "--json").stdout)
    return Answer.model_validate(shown["answer"])


def test_run_status_and_report_say_the_answer_first(ran: tuple[Path, str]) -> None:
    path, printed = ran
    answer = stored(path)
    assert answer.text.startswith(("For ", "No larger network is shown"))
    assert printed.lstrip().startswith(answer.text)
    assert compound("status", str(path)).stdout.startswith(answer.text)
    report = compound("report", str(path))
    assert report.stderr.startswith(answer.text) and report.stdout.strip().endswith("report.html")
    page = Path(report.stdout.strip()).read_text()
    first = answer.sentence.partition(". ")[0]
    assert page.index("</header>") > page.index(first) < page.index('class="tiles"')
    assert page.index('id="answer"') < page.index('id="search"')
    drawn = json.loads(compound("report", str(path), "--json").stdout)
    assert Answer.model_validate(drawn["answer"]) == answer


def test_the_table_of_phi_has_a_row_for_each_phi(ran: tuple[Path, str]) -> None:
    path, printed = ran
    for text in (printed, compound("status", str(path)).stdout):
        table = text[text.index("\nfamily") :].splitlines()[1:]
        assert "money" in table[1] and "CPU-h" in table[1]
        assert [line.split()[0] for line in table[2:6]] == ["0", "1", "2", "3"]


def test_the_run_in_json_has_the_answer(ran: tuple[Path, str]) -> None:
    path, _ = ran
    again = compound("run", str(path), "--runner", "local", "--json")
    answer = Answer.model_validate(json.loads(again.stdout.splitlines()[-1])["answer"])
    assert answer == stored(path)
    assert [row.phi for row in answer.rows] == [0, 1, 2, 3]
    assert all(row.training and row.training.money for row in answer.rows)


def test_a_store_without_an_answer_has_it_made(ran: tuple[Path, str]) -> None:
    path, _ = ran
    document = path.parent / "runs" / "studies" / "small" / "answer.json"
    before, content = stored(path), document.read_bytes()
    document.unlink()
    try:
        assert stored(path) == before
        assert compound("report", str(path)).stderr.startswith(before.text)
    finally:
        document.write_bytes(content)


@pytest.mark.parametrize(
    ("option", "amount"),
    [
        ("--gpu-hours", "1h"),
        ("--cpu-hours", "90min"),
        ("--params", "6k"),
        ("--macs", "150k"),
        ("--multiple", "3.5x"),
        ("--latency", "10s"),
    ],
)
def test_advice_for_each_limit(ran: tuple[Path, str], option: str, amount: str) -> None:
    path, _ = ran
    done = compound("advise", str(path), option, amount)
    assert done.returncode == 0, done.stderr
    words = [line.partition(":")[0] for line in done.stdout.splitlines()]
    assert words[0].startswith("For ") and {"why", "network", "next"} <= {*words}
    assert ("measured on this machine" in done.stdout) == (option == "--latency")
    assert ("hours are CPU-hours" in done.stdout) == (option == "--gpu-hours")


def test_the_printed_command_trains_the_network(ran: tuple[Path, str]) -> None:
    path, _ = ran
    named = ("advise", "small", "--store", str(path.parent / "runs"))
    for multiple in ("3.5", "10", "30", "90"):
        typed = (*named, "--multiple", multiple)
        advice = json.loads(compound(*typed, "--json").stdout)
        if not advice["row"]["validation"]:
            break
    phi, words = advice["row"]["phi"], shlex.split(advice["next_step"])
    assert phi not in (0, 1, 2) and advice["row"]["ratio"] <= float(multiple)
    assert any(note.startswith("it trains 1 job, about ") for note in advice["notes"])
    phis = ", ".join(f"{number:g}" for number in sorted((1, 2, phi)))
    assert words[1] == "run" and f"family.phi=[{phis}]" in words
    done = compound(*words[1:], "--no-report")
    assert done.returncode == 0, done.stderr
    assert {row.phi for row in stored(path).rows if row.trained} == {0, 1, 2, phi}
    after = compound(*typed)
    assert "expected" not in after.stdout.partition(".")[0]
    export = shlex.split(re.search(r"^next: (.*)$", after.stdout, re.M)[1])
    target = path.parent / export[3]
    exported = compound(*export[1:], cwd=path.parent)
    assert exported.returncode == 0 and target.stat().st_size > 1000


def test_the_spec_of_a_stored_study_is_written_and_is_the_same(ran: tuple[Path, str]) -> None:
    path, _ = ran
    folder = path.parent / "elsewhere"
    folder.mkdir()
    moved, runs = folder / "small.yaml", str(path.parent / "runs")
    typed = ("init", moved.name, "--from-study", "small", "--store", runs)
    assert compound(*typed, cwd=folder).returncode == 0
    assert moved.read_text() == path.read_text()
    again = compound(*typed, cwd=folder)
    assert again.returncode == 2 and "the file exists" in again.stderr
    missing = compound("init", "x.yaml", "--from-study", "none", "--store", runs, cwd=folder)
    assert missing.returncode == 2 and "no study is called 'none'" in missing.stderr


def test_weights_that_are_gone_are_not_offered(ran: tuple[Path, str], tmp_path: Path) -> None:
    runs = tmp_path / "moved"
    shutil.copytree(ran[0].parent / "runs", runs)
    for weights in runs.rglob("*.safetensors"):
        weights.unlink()
    done = compound("advise", "small", "--store", str(runs), "--multiple", "1.01")
    assert done.returncode == 0, done.stderr
    assert "the store has no weights of it" in done.stdout
    assert "next: compound report small" in done.stdout


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ((), "no limit is named"),
        (("--params", "many"), "--params: 'many' is no limit on parameters"),
        (("--latency", "20"), "--latency: '20' is no limit on latency"),
        (("--params", "1"), "--params: no network of the study's line is within the limit"),
        (("--accuracy", "0.999", "--params", "6k"), "--accuracy: no network within the limits"),
    ],
)
def test_what_cannot_be_advised_is_refused(
    ran: tuple[Path, str], words: tuple[str, ...], told: str
) -> None:
    done = compound("advise", str(ran[0]), *words)
    assert done.returncode == 2 and not done.stdout
    assert done.stderr.startswith(f"compound: {told}" if words else "compound: advise: no limit")
    assert "  allowed: " in done.stderr and "Traceback" not in done.stderr
    if not words:
        assert f"next: compound advise {ran[0]} --multiple 16" in done.stderr


def test_a_study_without_a_choice_says_what_to_run(tmp_path: Path) -> None:
    path = tmp_path / "small.yaml"
    path.write_text(SPEC.format(store=tmp_path / "runs", epochs=1))
    stop = ("--set", "budget={epochs: 1, at_limit: stop}", "--set", "search.seeds=1")
    compound("run", str(path), "--runner", "local", "--no-report", *stop)
    status = compound("status", str(path))
    assert status.stdout.startswith("Search 1 of 4 jobs done: no answer yet.\n")
    done = compound("advise", str(path), "--multiple", "4")
    assert done.returncode == 2 and "has chosen nothing to scale by: search 1 of 4 " in done.stderr
    assert f"next: compound run {path} " in done.stderr


def test_an_unknown_study_and_one_without_a_plan(ran: tuple[Path, str], tmp_path: Path) -> None:
    store = str(ran[0].parent / "runs")
    missing = compound("advise", "nothing", "--store", store, "--multiple", "4")
    assert missing.returncode == 2 and "no study is called 'nothing'" in missing.stderr
    empty = compound("advise", "small", "--store", str(tmp_path), "--multiple", "4")
    assert empty.returncode == 2 and "next: " in empty.stderr
