"""The command line: how the program was typed, and what is meant where nothing is named.

Every command imports this, `--help` too, so it is light.
"""

import os
import re
import shlex
import shutil

DEFAULT_STORE = "runs"
_NAMES = (
    "advise|compare|count|data|doctor|export|dashboard|fsck|gc|init|jobs|list|logs|metrics|models|plan|query|report|"
    "retry|run|schema|status|stop|submit|validate|verify"
)
_COMMAND = re.compile(rf"(?<![\w./'\"-])(?<!-m )compound(?= (?:{_NAMES})\b)")


def as_typed(text: str, program: str) -> str:
    """Return a text whose commands begin as the program was typed: `.venv/bin/compound run`.

    `program`: how it was typed. Only where a word of a command follows, and nothing that makes
    another word of `compound` precedes, so prose about compound scaling stays.
    """
    return _COMMAND.sub(lambda match: shlex.quote(program), text) if program else text


def typed_program(path: str) -> str:
    """Return how this program was typed; "" where `compound` alone starts the same.

    `path`: what the system says was started; for a command that was found on PATH it is its file.
    """
    if os.path.basename(path) != "compound" or not os.path.isfile(path):
        return ""
    on_path = shutil.which("compound")
    return "" if on_path and os.path.samefile(on_path, path) else path
