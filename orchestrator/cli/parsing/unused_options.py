"""Options that would have no effect beside another option: refused, never ignored in silence."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from compound.schemas.errors import SpecError

if TYPE_CHECKING:
    from compound.orchestrator.cli.printing.table_output import Format  # pyarrow, for --help


def refuse(options: Mapping[str, object], why: str, allowed: str) -> None:
    """Raise SpecError for the first option that is set; `why` it would have no effect."""
    for option, value in options.items():
        if value:
            raise SpecError(
                f"{option} has no effect: {why}", allowed=allowed, next_step=f"leave {option} out"
            )


def require_ray(runner: str, address: str | None) -> None:
    """Refuse the address of a Ray beside the runner that trains without Ray. SpecError."""
    if runner == "local":
        why = "`--runner local` trains on this machine without Ray"
        refuse({"--address": address}, why, "`--runner ray`, or no `--address`")


def refuse_in_rehearsal(plan: Path | None, *, retry_failed: bool, profile: bool) -> None:
    """Refuse a plan, and what needs the store of a study, beside `--fast-dev-run`. SpecError."""
    if plan is not None:
        raise SpecError(
            "a plan runs unchanged, so --fast-dev-run needs a spec",
            next_step="compound run SPEC --fast-dev-run",
        )
    refuse(
        {"--retry-failed": retry_failed, "--profile": profile},
        "`--fast-dev-run` keeps nothing, so it has no failed jobs and no trace",
        "one of the two options",
    )


def refuse_without_probe(address: str | None, *, probe: bool) -> None:
    """Refuse an address that no probe uses. SpecError."""
    if not probe:
        why = "a plan without `--probe` uses no cluster"
        refuse({"--address": address}, why, "`--address` with `--probe`; `cluster` in the spec")


def refuse_for_tables(
    naming: str | None, phi: float | None, network: str | None, *, best: bool
) -> None:
    """Refuse options of exported weights where tables are exported. SpecError."""
    refuse(
        {"--naming": naming, "--best": best, "--phi": phi is not None, "--network": network},
        "it is for weights, and `--format` chooses tables",
        "`--format safetensors`, or none of these options",
    )


def format_chosen(format: "Format | None", *, as_json: bool) -> "Format | None":
    """Return the format that the options name, None where they name none.

    SpecError: they name two.
    """
    if as_json and format not in (None, "json"):
        raise SpecError(
            f"--json and --format {format} name two formats",
            allowed="one of them",
            next_step="leave one of them out",
        )
    return "json" if as_json else format


def refuse_beside_files(output: Path | None, format: "Format | None") -> None:
    """Refuse a file or a format beside `--parquet` and `--csv`, which name both. SpecError."""
    refuse(
        {"--output": output, "--json" if format == "json" else "--format": format},
        "`--parquet` and `--csv` name a file and its format",
        "`--parquet FILE` and `--csv FILE`, or `--output FILE` and `--format`",
    )


def refuse_while_watching(*, as_json: bool) -> None:
    """Refuse JSON that would have no end. SpecError."""
    refuse({"--json": as_json}, "`--watch` is for people", "`--watch` or `--json`")


def refuse_two_networks(phi: float | None, network: str | None) -> None:
    """Refuse two names of one network. SpecError."""
    if phi is not None and network is not None:
        raise SpecError("--phi and --network both name a network", allowed="one of them")


def refuse_two_sources(options: Mapping[str, object]) -> None:
    """Refuse two options of which each says what the other does. SpecError."""
    named = [option for option, value in options.items() if value]
    if len(named) > 1:
        raise SpecError(f"{' and '.join(named)} exclude each other", allowed="one of them")


def refuse_without_data(options: Mapping[str, object]) -> None:
    """Refuse options of a spec that is fitted to data, where no data are named. SpecError."""
    refuse(options, "no data are named", "beside `--images`, `--parquet` or `--idx`")


def refuse_without_parquet(options: Mapping[str, object]) -> None:
    """Refuse names of columns where no Parquet is read. SpecError."""
    refuse(options, "no Parquet is read", "beside `--parquet`")


def refuse_beside_examples(store: str | None) -> None:
    """Refuse a store beside an example, whose spec names its own. SpecError."""
    refuse({"--store": store}, "an example names its own store", "`--example NAME` alone")
