"""Whose study it is, as far as this machine knows."""

import getpass
import socket


def this_user() -> str:
    """Return USER@HOST; only the host where the user has no name, as in some containers."""
    try:
        user = getpass.getuser()
    except (OSError, KeyError):  # KeyError up to Python 3.12
        return socket.gethostname()
    return f"{user}@{socket.gethostname()}"
