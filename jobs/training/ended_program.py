"""What the code of a network may raise to end the program: it ends its job, not the process."""

from compound.jobs.parallel.process import Process
from compound.schemas.errors import FactoryError

RAISED = (Exception, SystemExit, GeneratorExit)
"""What the code of a network may raise: `sys.exit()` in it ends its job, but not the process."""


def network_error(error: BaseException, process: Process) -> Exception:
    """Turn SystemExit and the like of a network into an error; return other errors as they are."""
    if isinstance(error, Exception):
        return error
    # This import loads what only a network of the user's own needs.
    from compound.jobs.models.user_code import error_text

    ended_program = FactoryError(
        f"the network's own code ended the program: {error_text(error, process.imports)}",
        next_step="raise an Exception there, or return",
    )
    ended_program.__cause__ = error
    return ended_program
