"""Fork server: preloads heavy third-party packages once, then forks a child for each request.

It runs as a plain file (`python -P fork_server.py serve SOCKET …`), so that nothing of labkit is imported here: a child
imports labkit's code itself, and edited code is never stale. The server must never initialise CUDA nor run a torch
operator, or its children could not. `once` runs a single request, read from stdin, in this fresh interpreter: for
systems without fork.

A request is a JSON object:

    call         "module:function", called with `args`
    path, environment, cwd
                 those of the client, for the child
    output       a file for what the child prints, which must not exist yet
    reply        true if the function's value is sent back
    after        `call` and `args` to run if the child was killed or raised
    stop         true to end the server; the only field then

The child answers {"pid": …} at once, then, with `reply`, {"value": …}. Instead of either it may answer
{"error": the exception's name, "text": its message}.
"""

import argparse
import faulthandler
import gc
import importlib
import json
import os
import select
import signal
import socket
import struct
import sys
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from typing import Any, NoReturn

EXIT_ALREADY_RUNNING = 3  # exit status: another server holds the lock
MAX_MESSAGE_BYTES = 64 * 2**20
_POLL_INTERVAL_S = 2.0
_REQUEST_TIMEOUT_S = 5.0  # a client that connects has its request ready

Request = dict[str, Any]


def encode_frame(message: Any) -> bytes:
    """Encodes a message for a socket or pipe: 4 bytes of length, then JSON."""
    data = json.dumps(message).encode()
    if len(data) > MAX_MESSAGE_BYTES:
        raise ValueError(f"a message of {len(data)} bytes is too long; at most {MAX_MESSAGE_BYTES} can be sent")
    return struct.pack(">I", len(data)) + data


def read_frame(read: Callable[[int], bytes]) -> Any:
    """Reads the next message by `read(size)`, which may return fewer bytes. Raises EOFError at the end."""

    def read_exactly(size: int) -> bytes:
        data = b""
        while len(data) < size:
            chunk = read(min(size - len(data), 2**20))
            if not chunk:
                raise EOFError("the other side closed before its message was complete")
            data += chunk
        return data

    (size,) = struct.unpack(">I", read_exactly(4))
    if size > MAX_MESSAGE_BYTES:
        raise EOFError(f"the other side announced {size} bytes; at most {MAX_MESSAGE_BYTES} are read")
    return json.loads(read_exactly(size))


def main(arguments: list[str] | None = None) -> int:
    """Runs the `serve` or `once` command; returns the exit status."""
    parser = argparse.ArgumentParser(description="Forks labkit's runs from a warm process.")
    modes = parser.add_subparsers(dest="mode", required=True)
    serving = modes.add_parser("serve")
    serving.add_argument("socket")
    serving.add_argument("--idle-s", type=float, default=600.0)
    serving.add_argument("--preload", default="", help="modules, separated by commas")
    modes.add_parser("once")
    options = parser.parse_args(arguments)
    return _run_once() if options.mode == "once" else _serve(options.socket, options.preload.split(","), options.idle_s)


def _run_once() -> int:
    """Runs the request on stdin. Detaches if the system can fork and no reply is wanted."""
    request = json.load(sys.stdin)
    answer = os.dup(1)
    os.dup2(2, 1)  # output of libraries must not mix with the frames
    if hasattr(os, "fork") and not request.get("reply") and os.fork():
        return 0
    _run_child(request, answer)


def _serve(path: str, preload: list[str], idle_s: float) -> int:
    """Takes the lock, forks a daemon that keeps it, returns the status."""
    import fcntl  # missing on Windows, which has no fork server

    lock = os.open(path + ".lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return EXIT_ALREADY_RUNNING
    if os.fork():
        return 0
    try:
        _preload(preload)
        ForkServer(path, idle_s, lock).run()
    except BaseException:
        traceback.print_exc()
        os._exit(1)
    os._exit(0)


def _preload(modules: list[str]) -> None:
    """Imports modules. Errors go to the server's log, and are raised again in a child that needs the module."""
    before = os.environ.get("PYTORCH_NVML_BASED_CUDA_CHECK")
    os.environ["PYTORCH_NVML_BASED_CUDA_CHECK"] = (
        "1"  # is_available() must not initialise CUDA, or no child could use it
    )
    for module in filter(None, modules):
        try:
            importlib.import_module(module)
        except Exception:
            traceback.print_exc()
    os.environ.pop("PYTORCH_NVML_BASED_CUDA_CHECK")
    if before is not None:
        os.environ["PYTORCH_NVML_BASED_CUDA_CHECK"] = before
    torch = sys.modules.get("torch")
    if torch and torch.cuda.is_initialized():
        raise RuntimeError("importing the packages initialised CUDA: forked children could not use it")
    gc.collect()
    gc.freeze()  # the collector then does not touch, and so copy, shared pages


class ForkServer:
    """Server loop: forks a child per request. Ends after `idle_s` without requests or children."""

    def __init__(self, path: str, idle_s: float, lock: int):
        self.path = path
        self.idle_s = idle_s
        self._lock = lock
        self.children: dict[int, Request] = {}
        self._last_used = time.monotonic()
        self._stopping = False
        self._wakeup_reader, wakeup_writer = socket.socketpair()  # readable when a child has ended
        wakeup_writer.setblocking(False)
        self._wakeup_reader.setblocking(False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(wakeup_writer.fileno(), warn_on_full_buffer=False)
        self._wakeup_writer = wakeup_writer
        self._listen()

    def run(self) -> None:
        """Serves until idle or stopped, then removes the socket."""
        while not self._stopping and (self.children or time.monotonic() - self._last_used < self.idle_s):
            timeout_s = min(_POLL_INTERVAL_S, self.idle_s)
            ready, _, _ = select.select([self._listener, self._wakeup_reader], [], [], timeout_s)
            with suppress(BlockingIOError):
                self._wakeup_reader.recv(4096)
            if self._listener in ready:
                self._accept()
            self._reap()
            if not os.path.exists(self.path):  # the folder of temporary files was cleaned up
                self._listener.close()
                self._listen()
        self._listener.close()
        with suppress(FileNotFoundError):
            os.unlink(self.path)

    def _listen(self) -> None:
        with suppress(FileNotFoundError):
            os.unlink(self.path)  # left by a killed server, as this one holds the lock
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        mask = os.umask(0o177)
        try:
            self._listener.bind(self.path)
        finally:
            os.umask(mask)
        self._listener.listen(64)

    def _accept(self) -> None:
        connection, _ = self._listener.accept()
        with connection:
            connection.settimeout(_REQUEST_TIMEOUT_S)
            try:
                request = read_frame(connection.recv)
                connection.setblocking(True)
                if request.get("stop"):
                    self._stopping = True
                else:
                    self._fork(request, connection)
            except EOFError:
                pass  # the client only checked that there is a server
            except (OSError, ValueError):
                traceback.print_exc()

    def _fork(self, request: Request, connection: socket.socket) -> None:
        self._last_used = time.monotonic()
        pid = os.fork()
        if not pid:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            os.close(self._lock)  # or it would stay locked while the child lives
            for end in (self._listener, self._wakeup_reader, self._wakeup_writer):
                end.close()
            _run_child(request, connection.detach())
        self.children[pid] = request

    def _reap(self) -> None:
        while self.children:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if not pid:
                return
            request = self.children.pop(pid, {})
            self._last_used = time.monotonic()
            if status and request.get("after"):
                after = {**request, **request["after"], "output": None, "after": None}
                with socket.socket(socket.AF_UNIX) as no_client:
                    self._fork(after, no_client)


def _run_child(request: Request, reply_fd: int) -> NoReturn:
    """Body of a child process: sets up its environment, calls the function, exits."""
    status = 1
    try:
        setup = _capture_outcome(_enter_environment, request)
        _send(reply_fd, setup | {"pid": os.getpid()})
        if "value" in setup:
            if request.get("reply"):
                _send(reply_fd, _capture_outcome(_call, request))
            else:
                os.close(reply_fd)
                _call(request)
            status = 0
    except BaseException:
        traceback.print_exc()
    finally:
        with suppress(Exception):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(status)  # no exit handlers: those of the preloaded packages belong to the server


def _enter_environment(request: Request) -> None:
    """Enters the client's environment, folder and path, in a new session.

    Signals to the kernel's process group then do not arrive.
    """
    if hasattr(os, "setsid"):
        with suppress(PermissionError):  # it leads a session already
            os.setsid()
    _redirect_output(request.get("output"))
    os.environ.clear()
    os.environ.update(request["environment"])
    with suppress(OSError, TypeError):
        os.chdir(request["cwd"])
    sys.path[:] = request["path"]
    importlib.invalidate_caches()


def _redirect_output(output: str | None) -> None:
    """Redirects standard output and error to a new file.

    Raises FileExistsError if the file exists, so that two processes never train one run.
    """
    if not output:
        return
    log = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o666)
    null = os.open(os.devnull, os.O_RDONLY)
    for source, target in ((null, 0), (log, 1), (log, 2)):
        os.dup2(source, target)
    os.close(null)
    os.close(log)
    sys.stdout.reconfigure(encoding="utf-8", errors="backslashreplace", line_buffering=True)  # type: ignore[union-attr]
    sys.stderr.reconfigure(encoding="utf-8", errors="backslashreplace", line_buffering=True)  # type: ignore[union-attr]
    faulthandler.enable()


def _call(request: Request) -> Any:
    module, function = request["call"].split(":")
    return getattr(importlib.import_module(module), function)(*request["args"])


def _capture_outcome(function: Callable[[Request], Any], request: Request) -> dict[str, Any]:
    """Calls a function; returns its value or a description of its exception."""
    try:
        return {"value": json.loads(json.dumps(function(request)))}
    except Exception as error:
        traceback.print_exc()
        return {"error": type(error).__name__, "text": str(error)}


def _send(fd: int, message: dict[str, Any]) -> None:
    data = encode_frame(message)
    with suppress(OSError):  # the client may have been killed meanwhile; a run goes on without it
        while data:
            data = data[os.write(fd, data) :]


if __name__ == "__main__":
    sys.exit(main())
