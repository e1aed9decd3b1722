"""Subprocess calls: a function in a child of the fork server, or in a fresh interpreter."""

import json
import logging
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from io import BytesIO
from pathlib import Path
from typing import Any

from labkit.environment import torch_environment
from labkit.jobs.fork_client import BOOT_TIMEOUT_S, NoServerError, can_fork, connect, start_interpreter
from labkit.jobs.fork_server import Request, encode_frame, read_frame

_log = logging.getLogger(__name__)

_START_TIMEOUT_S = 30.0  # until a child has sent its pid


def start_process(target: str, *args: str, output: Path, after: str = "", cwd: str = "") -> int:
    """Starts a function in a process of its own; returns its pid.

    Args:
        target: the function, as "module:function"; its arguments are `args`.
        output: a new file for what the process prints.
        after: function to be called with the same arguments if the process was killed or raised. Without the fork
            server it is not called.
        cwd: working directory; that of this process if empty.

    Raises OSError if no process can be started.
    """
    request = _build_request(target, args, cwd) | {"output": str(output)}
    if after:
        request["after"] = {"call": after, "args": args}
    for connection in _connections(BOOT_TIMEOUT_S):
        with connection, suppress(EOFError, ConnectionError):  # the server has just ended
            connection.settimeout(_START_TIMEOUT_S)
            connection.sendall(encode_frame(request))
            return _parse_pid(read_frame(connection.recv))
    return _start_without_server(request)


def call_in_process(target: str, *args: str, timeout_s: float) -> Any:
    """Calls a "module:function" in a process of its own; returns its value.

    Raises ValueError if it raised one. Raises RuntimeError for its other exceptions, if it died, and after `timeout_s`.
    """
    request = _build_request(target, args, "") | {"reply": True}
    deadline = time.monotonic() + timeout_s
    try:
        outcome = _send_and_wait(request, deadline)
    except TimeoutError:
        raise RuntimeError(f"no answer within {timeout_s:g} s; try again, or allow more time") from None
    except OSError as error:
        raise RuntimeError(str(error)) from error
    if "value" in outcome:
        return outcome["value"]
    if "error" not in outcome:
        raise RuntimeError("its process ended before it could answer; perhaps it ran out of memory")
    if outcome["error"] == "ValueError":
        raise ValueError(outcome["text"])
    raise RuntimeError(outcome["text"] or outcome["error"])


def current_folder() -> str:
    """Working directory, or the root if it has been deleted."""
    with suppress(FileNotFoundError):
        return os.getcwd()
    return os.sep


def _build_request(target: str, args: tuple[str, ...], cwd: str) -> Request:
    here = current_folder()
    path = [os.path.join(here, entry) for entry in sys.path]
    return {"call": target, "args": args, "path": path, "cwd": cwd or here, "environment": torch_environment()}


def _connections(wait_s: float) -> Iterator[socket.socket]:
    """Yields up to two connections to the fork server. The first may reach one that is just ending."""
    for _ in range(2 if can_fork() else 0):
        try:
            yield connect(wait_s=wait_s)
        except NoServerError as error:
            _log.warning("no fork server, so a fresh interpreter is started: %s", error)
            return


def _parse_pid(answer: dict[str, Any]) -> int:
    if "error" in answer:
        raise OSError(f"its process could not begin: {answer['text']}")
    return int(answer["pid"])


def _start_without_server(request: Request) -> int:
    process = _start_single_use(request)
    assert process.stdout
    try:
        with process.stdout:
            return _parse_pid(read_frame(process.stdout.read))
    except EOFError:
        raise OSError("a fresh interpreter ended before it could begin") from None
    finally:
        if sys.platform != "win32":
            process.wait()  # short: its child, which does the work, stays behind


def _send_and_wait(request: Request, deadline: float) -> dict[str, Any]:
    for connection in _connections(_remaining_s(deadline)):
        with connection, suppress(ConnectionError):
            return _wait_for_outcome(connection, request, deadline)
    process = _start_single_use(request)
    try:
        data, _ = process.communicate(timeout=_remaining_s(deadline))
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        raise TimeoutError from None
    return _parse_outcome(data)


def _wait_for_outcome(connection: socket.socket, request: Request, deadline: float) -> dict[str, Any]:
    """Sends a request, returns the child's outcome. Empty if it died.

    Raises TimeoutError, and ConnectionError if the server has ended.
    """
    connection.settimeout(_remaining_s(deadline))
    connection.sendall(encode_frame(request))
    try:
        pid = _parse_pid(read_frame(connection.recv))
    except EOFError as error:
        raise ConnectionResetError(str(error)) from None
    try:
        connection.settimeout(_remaining_s(deadline))
        outcome: dict[str, Any] = read_frame(connection.recv)
        return outcome
    except TimeoutError:
        with suppress(OSError):
            os.kill(pid, signal.SIGKILL)
        raise
    except (EOFError, ConnectionError):
        return {}


def _start_single_use(request: Request) -> subprocess.Popen[bytes]:
    """Starts a fresh interpreter for one request."""
    pipe = subprocess.PIPE
    process = start_interpreter(["once"], stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL)
    assert process.stdin
    with suppress(BrokenPipeError), process.stdin:
        process.stdin.write(json.dumps(request).encode())
    process.stdin = None  # closed: communicate() must not flush it again
    return process


def _parse_outcome(data: bytes) -> dict[str, Any]:
    """Parses the output of a fresh interpreter: its pid, then the outcome, empty if it died."""
    stream = BytesIO(data)
    with suppress(EOFError):
        _parse_pid(read_frame(stream.read))
        outcome: dict[str, Any] = read_frame(stream.read)
        return outcome
    return {}


def _remaining_s(deadline: float) -> float:
    return max(deadline - time.monotonic(), 0.001)
