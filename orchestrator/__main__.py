"""`compound` and `python -m compound`: handles signals before the packages are imported.

These take a second. What is typed is parsed and carried out in command_line.py.
"""

from compound.jobs.wording.interrupted import ending_by_signals, raise_on_signals


def main(arguments: list[str] | None = None) -> None:
    """Run one command and exit. `--debug`, anywhere, shows the traceback of an error."""
    with ending_by_signals(for_good=arguments is None):
        from compound.orchestrator.command_line import run

        raise_on_signals()
        run(arguments)


if __name__ == "__main__":
    main()
