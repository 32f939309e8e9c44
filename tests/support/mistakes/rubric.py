"""One rubric for every mistake: place, cause, allowed, a next step that helps, and plain words."""

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from compound.orchestrator.spec.yaml_source import parse
from tests.support.command import compound
from tests.support.mistakes.mistake import Mistake

MARKS = ("place", "cause", "allowed", "next", "plain")
JARGON = re.compile(
    r"Traceback|internal error|\[Errno|errno|pydantic|constrained|[Ii]nput should|str_type|"
    r"tuple|<block|scalar|Arrow|parquet magic|boto|aiobotocore|ClientError|ValidationError|"
    r"KeyError|TypeError|ValueError|NoneType|ray\.|RuntimeError",
)
_WRITE = re.compile(r"write `(?P<key>[\w-]+): (?P<value>[^`]*)`")
_RENAME = re.compile(r"write `(?P<new>[\w-]+)` for `(?P<old>[^`]+)`")
_OUT = re.compile(r"take `(?P<key>[^`]+)` out")
_ADD = re.compile(r"add `(?P<pair>[^`]+)`")
_SHELL = re.compile(r"(?P<line>(?:iconv|mkdir|python) .*?)(?:, then write|$)")
_COMMAND = re.compile(r"compound (?:\w+)(?: (?:'[^']*'|[^\s';]+))*")


@dataclass(frozen=True)
class Said:
    """How a command ended."""

    code: int
    text: str
    """The last error on stderr, without what is printed before it."""

    @property
    def message(self) -> str:
        """The first line."""
        return self.text.partition("\n")[0]

    @property
    def next_step(self) -> str:
        return "\n".join(re.findall(r"^  next: (.*)$", self.text, re.MULTILINE))


def say(folder: Path, *words: str) -> Said:
    """Run a command in a folder."""
    ran = compound(*words, cwd=folder)
    return Said(ran.returncode, error_in(ran.stderr))


def error_in(stderr: str) -> str:
    """Return the last error that was printed."""
    return stderr[max(0, stderr.rfind("compound: ")) :].strip()


def marks(said: Said, mistake: Mistake) -> dict[str, bool]:
    """Return the marks of all but the next step, which has to be tried."""
    return {
        "place": mistake.place in said.text.partition("\n")[0],
        "cause": bool(mistake.cause) and mistake.cause in said.text,
        "allowed": bool(mistake.allowed) and mistake.allowed in said.text,
        "plain": said.code == mistake.code and not JARGON.search(said.text),
    }


def with_option(typed: Sequence[str], said: Said) -> list[str] | None:
    """Return what was typed, with the option that is printed in place of the one typed."""
    edit = re.match(r"type (--[\w-]+) ('[^']*'|\S+?),?(?: |$)", said.next_step)
    if edit is None:
        left = re.match(r"leave (--[\w-]+) out", said.next_step)
        at = typed.index(left[1]) if left else 0
        return [*typed[:at], *typed[at + 2 :]] if left else None
    option, (value,) = edit[1], shlex.split(edit[2].replace("=VALUE", "=3"))
    at = typed.index(option) if option in typed else len(typed) - 2
    return [*typed[:at], option, value]


def corrected(text: str, said: Said) -> str | None:
    """Return the spec after the printed edit; None where none is printed that can be typed."""
    step = said.next_step
    place = re.search(r"spec\.yaml:(\d+):(\d+)", said.text)
    line, column = (int(place[1]) - 1, int(place[2]) - 1) if place else (0, 0)
    start = sum(map(len, text.splitlines(keepends=True)[:line])) + column
    if edit := _RENAME.search(step):
        return text[:start] + text[start:].replace(edit["old"], edit["new"], 1)
    if edit := _WRITE.search(step):
        return _with_value(text, start, edit["key"], edit["value"])
    if edit := _ADD.search(step):
        return _with_pair(text, start, edit["pair"])
    if edit := _OUT.search(step):
        return _without(text, start, edit["key"])
    if "put the value in quotes" in step:
        end = re.compile(r"[,}\n]").search(text, start)
        return f'{text[:start]}"{text[start : end.start()]}"{text[end.start() :]}' if end else None
    return None


def _with_value(text: str, start: int, key: str, value: str) -> str:
    """Give the key that is nearest to a place another value."""
    spans = [
        (abs(name.start_mark.index - start), node.start_mark.index, node.end_mark.index)
        for name, node in _pairs(text)
        if name.value == key
    ]
    if not spans:
        return _with_pair(text, start, f"{key}: {value}")
    _, begin, end = min(spans)
    return f"{text[:begin]}{value}{_rest(text, begin, end)}"


def _rest(text: str, begin: int, end: int) -> str:
    """Return what follows a value; a block's end lies in a later line."""
    return text[begin:end][len(text[begin:end].rstrip()) :] + text[end:]


def _with_pair(text: str, start: int, pair: str) -> str:
    """Add a pair to the mapping that begins at a place, or holds it."""
    if text[start : start + 1] == "{":
        return f"{text[: start + 1]}{pair}, {text[start + 1 :]}"
    opened = text.rfind("{", text.rfind("\n", 0, start) + 1, start)
    if opened >= 0:
        return f"{text[: opened + 1]}{pair}, {text[opened + 1 :]}"
    line = text.rfind("\n", 0, start) + 1
    return f"{text[:line]}{' ' * (start - line)}{pair}\n{text[line:]}"


def _without(text: str, start: int, key: str) -> str:
    """Take out the pair of a key that is nearest to a place."""
    spans = [
        (abs(name.start_mark.index - start), name.start_mark.index, node.end_mark.index)
        for name, node in _pairs(text)
        if name.value == key
    ]
    _, begin, end = min(spans)
    rest = _rest(text, begin, end)
    return (
        text[:begin] + re.sub(r"^, ", "", rest)
        if rest.startswith(",")
        else (re.sub(r", $", "", text[:begin]) + rest.lstrip("\n"))
    )


def _pairs(text: str) -> list[tuple]:
    """Return every key of a spec with its value, as syntax."""
    waiting, pairs = [parse(text, "spec.yaml").root], []
    while waiting:
        node = waiting.pop()
        if node is not None and isinstance(node.value, list):
            for member in node.value:
                if isinstance(member, tuple):
                    pairs.append(member)
                waiting.append(member[1] if isinstance(member, tuple) else member)
    return pairs


def command_in(said: Said) -> list[str] | None:
    """Return the words of the first printed command, without `compound`."""
    found = _COMMAND.search(said.next_step.partition("    #")[0])
    return shlex.split(found[0])[1:] if found else None


def shell_line(said: Said) -> str:
    """Return the printed line of the shell; "" without one."""
    line = _SHELL.match(said.next_step)
    return line["line"] if line else ""


def run_line(line: str, folder: Path) -> bool:
    """Run a line of the shell; return whether it worked."""
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    ran = subprocess.run(
        ["bash", "-c", line], cwd=folder, capture_output=True, env={**os.environ, "PATH": path}
    )
    return ran.returncode == 0
