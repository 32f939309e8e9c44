"""Why a worker died before it ran a line of ours: its code could not be imported."""

import re

import ray
from ray.exceptions import RayError
from ray.util.state import list_actors
from ray.util.state.exception import RayStateApiException

_ERROR = re.compile(r"^[A-Za-z_][\w.]*(?:Error|Exception): .*", re.MULTILINE)
_LONGEST = 300


def last_error() -> str:
    """Return the error with which a trial's actor died, as the cluster has kept it; "" without one.

    Tune passes on no error of an actor whose code could not be imported (Ray 2.60), and Ray has it
    only in the text about the worker's exit.
    """
    try:
        dead = list_actors(
            # Without an address the state API would take any Ray of this machine.
            address=ray.get_runtime_context().gcs_address,
            filters=[("state", "=", "DEAD")],
            detail=True,
        )
    except (RayStateApiException, RayError, ConnectionError):
        return ""
    texts = [str((actor.death_cause or {}).get("actor_died_error_context")) for actor in dead]
    return next(filter(None, map(error_in, reversed(texts))), "")


def error_in(text: str) -> str:
    """Return the last error in a traceback's text."""
    errors = _ERROR.findall(text.replace("\\n", "\n"))
    return errors[-1][:_LONGEST] if errors else ""
