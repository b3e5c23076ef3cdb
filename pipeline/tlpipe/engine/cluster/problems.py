"""What goes wrong between us and a cluster, as errors of one or two lines."""

import re
import socket
from importlib import import_module

from tlpipe.engine.cluster.address import CLIENT_PORT, split
from tlpipe_edge.errors import TlpipeError, Unavailable

_PATIENCE = 10.0
"""The seconds after which an address does not answer."""

_VERSIONS = re.compile(r"Ray: (?P<ray>\S+)\s+Python: (?P<python>\S+)")
"""Twice in Ray's message: those of the cluster, then those of this process."""

_ADVICE = (
    f"The port must be that of clients ({CLIENT_PORT}, not 6379). If the cluster has a token, the same must be in "
    "$RAY_AUTH_TOKEN or ~/.ray/auth_token, with RAY_AUTH_MODE=token."
)


def check_answers(address: str, *, where: str) -> None:
    """Raise Unavailable if nothing listens at ``[ray://]HOST:PORT``, which Ray would look for half a minute."""
    parts = split(address)
    if parts is None:
        return
    try:
        socket.create_connection((parts.hostname, parts.port), timeout=_PATIENCE).close()
    except OSError as error:
        raise Unavailable(
            f"nothing answers there ({error.strerror or error})",
            f"Look at ray status on the head node. The port of clients is {CLIENT_PORT} if none was named.",
            where=where,
        ) from error


def of_connecting(error: BaseException, where: str) -> TlpipeError:
    """The error for one of ``ray.init``, which also ends the process."""
    if isinstance(error, TlpipeError):
        return error
    found = [match.groupdict() for match in _VERSIONS.finditer(str(error))]
    if len(found) == 2:
        cluster, here = (f"Python {each['python']} and Ray {each['ray']}" for each in found)
        advice = "Install tlpipe with the same Python (X.Y) and Ray as the cluster."
        return Unavailable(f"the cluster has {cluster}, here is {here}", advice, where=where)
    return Unavailable(f"no connection to the cluster ({summary(error)})", _ADVICE, where=where)


def of_starting(error: BaseException, where: str) -> Unavailable:
    """The error for workers that cannot be started."""
    advice = "Look at ray status and at the logs of Ray."
    if "RuntimeEnvSetupError" in type(error).__name__:
        advice = "Ray cannot install packages on a node. Start Ray there again; or install them before: docs/scale.md."
    return Unavailable(f"no worker can be started ({summary(error)})", advice, where=where)


def lost(error: BaseException, where: str) -> Unavailable:
    """The error for a connection that ended."""
    advice = "When the cluster is back, run the same command again: what was stored by then is not computed again."
    return Unavailable(f"the connection to the cluster is lost ({summary(error)})", advice, where=where)


def is_of_ray(error: Exception) -> bool:
    """Whether Ray says that something was lost on the cluster, or failed there."""
    return isinstance(error, import_module("ray.exceptions").RayError)


def is_of_connection(error: Exception) -> bool:
    """Whether the connection of a call has ended, which a Ray Client says in several ways."""
    return isinstance(error, ConnectionError | import_module("grpc").RpcError) or "closed channel" in str(error)


def summary(error: BaseException) -> str:
    """The last line of an error that says something, as a chain of remote tracebacks ends with the reason."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return f"{type(error).__name__}: {lines[-1][:200]}" if lines else type(error).__name__
