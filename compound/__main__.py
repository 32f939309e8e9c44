"""`python -m compound`: the command line."""

from compound.orchestrator.__main__ import main

if __name__ == "__main__":
    main()
