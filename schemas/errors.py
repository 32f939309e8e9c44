"""Every error that a user can meet, as one tree, and how every command ends.

CompoundError
|-- SpecError      a spec that cannot be read or is invalid (exit 2)
|-- PlanError      a valid spec that cannot be carried out (exit 2)
|   `-- FactoryError   the user's own network cannot be imported, built or run
|       `-- OtherNetworkError  it builds another network than the one that was counted
|-- ArchitectureError  weights that do not fit the network, or are no weights (exit 2)
|-- DataError      images or labels that cannot be used (exit 2)
|-- StoreError     the artifact store cannot be read or written (exit 2)
|   |-- NoStoreError       there is none at this address
|   |-- UnknownError       the store has no such study or job
|   `-- NewerSchemaError   a newer compound wrote it
|-- ClusterError   the cluster cannot be reached or is too small (exit 2)
|-- BusyError      another driver runs this study (exit 2)
|-- MachineError   the operating system or the file system refuses something (exit 2)
`-- RunError       the work itself failed (exit 1)
    `-- ReportError    the jobs are done, but the report cannot be drawn here (exit 1)
"""

from enum import IntEnum


class ExitCode(IntEnum):
    """What a process returns."""

    OK = 0
    FAILED = 1
    """The work was carried out, and some of it failed: one job is enough."""
    REFUSED = 2
    """Nothing was carried out: the command, its spec, its data or the machine must change first."""
    INTERRUPTED = 130
    """A signal ended it; the same command resumes."""


class CompoundError(Exception):
    """What went wrong, where, what would be right, and the command to type next."""

    exit_code = ExitCode.REFUSED

    def __init__(
        self,
        message: str,
        *,
        where: str = "",
        excerpt: str = "",
        allowed: str = "",
        next_step: str = "",
    ) -> None:
        super().__init__(message)
        self.message, self.where, self.excerpt = message, where, excerpt
        self.allowed, self.next_step = allowed, next_step

    def __reduce__(self) -> tuple[object, ...]:
        """Keep all attributes when the error is pickled.

        By default an exception is made again from `args` alone, without keyword arguments.
        """
        return type(self), (self.message,), dict(vars(self))

    def __str__(self) -> str:
        # A newline in a path or an argument would let its rest look like a line of ours.
        where, allowed, following = (
            text.replace("\n", "\\n") for text in (self.where, self.allowed, self.next_step)
        )
        head = f"{where}: {self.message}" if where else self.message
        tail = [self.excerpt] if self.excerpt else []
        tail += [f"  allowed: {allowed}"] if allowed else []
        tail += [f"  next: {following}"] if following else []
        return "\n".join([head, *tail])


class SpecError(CompoundError):
    """The spec cannot be read, or a value in it is not allowed."""


class PlanError(CompoundError):
    """The spec is valid, but no study can be planned from it."""


class FactoryError(PlanError):
    """The user's own network cannot be imported, built, or run on torch's meta device."""


class OtherNetworkError(FactoryError):
    """The user's own function builds another network than the one that was counted."""


class ArchitectureError(CompoundError):
    """A network does not fit the weights or shapes that it is given."""


class DataError(CompoundError):
    """The data set is missing, unreadable, or unfit for training."""


class StoreError(CompoundError):
    """The artifact store cannot be opened, read or written."""


class NoStoreError(StoreError):
    """There is no artifact store at this address."""


class UnknownError(StoreError):
    """The store has no such study or job, and never had."""


class NewerSchemaError(StoreError):
    """A newer compound wrote it, in a way that this one does not know."""


class ClusterError(CompoundError):
    """The cluster cannot be reached, or can never fit what is requested."""


class BusyError(CompoundError):
    """Another live driver is running the same study."""


class MachineError(CompoundError):
    """The operating system or the file system refuses something."""


class RunError(CompoundError):
    """The study ran, and failed."""

    exit_code = ExitCode.FAILED


class ReportError(RunError):
    """The jobs are trained, but the report cannot be drawn here, or parts of it cannot."""

    path = ""
    """Where the rest of the report is; "" where there is none."""


def after_jobs(*, failed: int, stopped: bool = False, tested: bool = True) -> ExitCode:
    """Return the code of a study, or of one job, by how its jobs ended.

    `failed`: jobs that ended so, those of earlier commands among them. Jobs that the search pruned
    have not failed. `stopped`: by a signal; then not all jobs have ended. `tested`: False where a
    network could not be evaluated on the test part.
    """
    if stopped:
        return ExitCode.INTERRUPTED
    return ExitCode.FAILED if failed or not tested else ExitCode.OK


def after_check(*, sound: bool) -> ExitCode:
    """Return the code of what looks for faults: `doctor`, `fsck`, `verify` and readers."""
    return ExitCode.OK if sound else ExitCode.FAILED


def after_advice(*, settled: bool, sound: bool = True) -> ExitCode:
    """Return the code of `advise`.

    `settled`: False while the search may still choose another; `sound`: whether all is there that
    the study has committed.
    """
    return ExitCode.OK if settled and sound else ExitCode.FAILED


def after_submission(status: str, code: int | None) -> int:
    """Return the code of a command that followed a Ray job to its end: the job's own.

    `status`: STOPPED, SUCCEEDED or FAILED; `code`: of the job's process, None where Ray knows none.
    """
    if status == "STOPPED":
        return ExitCode.INTERRUPTED
    if status == "SUCCEEDED":
        return ExitCode.OK
    return code or ExitCode.FAILED


def end_with(code: int) -> None:
    """End the process with a code, unless all is well."""
    if code:
        raise SystemExit(int(code))
