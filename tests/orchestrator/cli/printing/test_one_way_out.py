"""Whatever is printed goes through one place, so that no command can forget to escape a name."""

import re

from tests.support.house import ROOT, trees

STREAMS = "jobs/wording/plain_streams.py"
OUTPUT = "orchestrator/cli/printing/output.py"
PROGRAMS = {
    "jobs/__main__.py",
    "jobs/data/stream/decode_worker.py",
    "jobs/host/device_trial.py",
    "jobs/host/torch_facts.py",
    "jobs/probe/step_timing.py",
    "jobs/runtime/watched.py",
    "orchestrator/__main__.py",
}
"""Every file that a process starts with."""


def files_with(*words: str) -> set[str]:
    """Return the product's files that have one of some dotted names, such as `sys.stdout.write`."""
    ends = {True: r"\b", False: ""}
    forms = (rf"(?<![\w.]){re.escape(word)}{ends[word[-1].isalnum()]}" for word in words)
    pattern = re.compile("|".join(forms))
    return {str(path) for path in trees() if pattern.search((ROOT / path).read_text())}


def test_every_program_escapes_what_it_prints_from_its_start() -> None:
    assert files_with("if __name__") == PROGRAMS
    # Before that, orchestrator/__main__.py has only a sentence of its own.
    commands = {"orchestrator/__main__.py": "orchestrator/command_line.py"}
    opened = {commands.get(program, program) for program in PROGRAMS}
    assert files_with("open_streams()") - {STREAMS} == opened


def test_no_file_goes_round_the_streams() -> None:
    assert files_with("sys.__stdout__", "sys.__stderr__", "sys.stderr.buffer") == set()
    assert files_with("sys.stdout.buffer") == {"orchestrator/cli/printing/table_output.py"}
    to_files, sentence = "jobs/store/backend/local_files.py", "jobs/wording/interrupted.py"
    assert files_with("os.write") == {to_files, sentence}
    assert files_with("print(", "pprint", "typer.echo", "typer.secho", "click.echo") == set()
    assert files_with("Console(") == set()


def test_three_files_write_controls_of_their_own() -> None:
    writers = files_with("write_styled", "obeying")
    lines = {"jobs/data/listing/reading_progress.py", "orchestrator/cli/printing/live_lines.py"}
    assert writers == {STREAMS, OUTPUT, *lines}


def test_commands_print_lines_and_tables_only() -> None:
    """`compound logs` passes a job's text on as it comes, and `compound schema` prints a page."""
    writing = files_with("sys.stdout.write", "sys.stdout.writelines", "sys.stderr.write")
    commands = {path for path in writing if path.startswith(("cluster", "orchestrator"))}
    passing = {"orchestrator/cli/specs/spec.py", "orchestrator/cli/study/submit.py"}
    assert commands == {OUTPUT, "orchestrator/command_line.py", *passing}
