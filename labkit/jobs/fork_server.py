"""A warm process that forks: `serve` preloads heavy third-party packages once, then forks a child for each request.

Run as a plain file (`python -P fork_server.py serve SOCKET …`), so that nothing of labkit is imported here: a child imports
labkit's code itself and edited code is never stale. It must never touch CUDA nor run a torch operator, or its children
could not. `once` runs a single request, read from stdin, in this fresh interpreter: for systems without fork.

A request is a JSON object. `call` names a "module:function" and `args` its arguments; `path`, `environment` and `cwd`
are those of who asks; `output` is a file, which must not exist yet, for what the child prints; with `reply` the
function's value is sent back; `after` holds the `call` and `args` to run when the child was killed or raised. The child
answers {"pid": …} at once, then, with `reply`, {"value": …}; or {"error": the exception's name, "text": its message}.
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
MAX_MESSAGE_BYTES = 64 * 2**20  # bytes of one message
_POLL_INTERVAL_S = 2.0
_REQUEST_TIMEOUT_S = 5.0  # a client that connects has its request ready

Request = dict[str, Any]


def encode_frame(message: Any) -> bytes:
    """A message as it goes over a socket or pipe: 4 bytes of length, then JSON."""
    data = json.dumps(message).encode()
    if len(data) > MAX_MESSAGE_BYTES:
        raise ValueError(f"a message of {len(data)} bytes is too long, at most {MAX_MESSAGE_BYTES} go through")
    return struct.pack(">I", len(data)) + data


def read_frame(read: Callable[[int], bytes]) -> Any:
    """The next message from `read(size)`, which may return less than asked for. Raises EOFError where it ends."""

    def read_exactly(size: int) -> bytes:
        data = b""
        while len(data) < size:
            part = read(min(size - len(data), 2**20))
            if not part:
                raise EOFError("the other side closed before its message was complete")
            data += part
        return data

    (size,) = struct.unpack(">I", read_exactly(4))
    if size > MAX_MESSAGE_BYTES:
        raise EOFError(f"the other side announced {size} bytes, at most {MAX_MESSAGE_BYTES} are read")
    return json.loads(read_exactly(size))


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Forks labkit's runs from a warm process.")
    modes = parser.add_subparsers(dest="mode", required=True)
    serving = modes.add_parser("serve")
    serving.add_argument("socket")
    serving.add_argument("--idle-s", type=float, default=600.0)
    serving.add_argument("--preload", default="", help="modules, separated by commas")
    modes.add_parser("once")
    asked = parser.parse_args(arguments)
    return _run_once() if asked.mode == "once" else _serve(asked.socket, asked.preload.split(","), asked.idle_s)


def _run_once() -> int:
    """Detaches where it can, so that nobody has to wait for the child; who wants a reply waits anyway."""
    request = json.load(sys.stdin)
    answer = os.dup(1)
    os.dup2(2, 1)  # what libraries print must not get between the frames
    if hasattr(os, "fork") and not request.get("reply") and os.fork():
        return 0
    _run_child(request, answer)


def _serve(path: str, preload: list[str], idle_s: float) -> int:
    """Takes the lock, leaves a daemon behind that holds it for as long as it lives, and returns."""
    import fcntl  # not on Windows, where nobody serves

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
    """A module that fails to import is told in the server's log; the child that needs it fails with the same error."""
    kept = os.environ.get("PYTORCH_NVML_BASED_CUDA_CHECK")
    os.environ["PYTORCH_NVML_BASED_CUDA_CHECK"] = "1"  # is_available() must not initialise CUDA: no child could use it
    for module in filter(None, modules):
        try:
            importlib.import_module(module)
        except Exception:
            traceback.print_exc()
    os.environ.pop("PYTORCH_NVML_BASED_CUDA_CHECK")
    if kept is not None:
        os.environ["PYTORCH_NVML_BASED_CUDA_CHECK"] = kept
    torch = sys.modules.get("torch")
    if torch and torch.cuda.is_initialized():
        raise RuntimeError("importing the packages initialised CUDA: forked children could not use it")
    gc.collect()
    gc.freeze()  # the collector then leaves the shared pages alone


class ForkServer:
    """Forks a child for each request, and ends after `idle_s` without requests or children."""

    def __init__(self, path: str, idle_s: float, lock: int):
        self.path = path
        self.idle_s = idle_s
        self._lock = lock
        self.children: dict[int, Request] = {}
        self._last_used = time.monotonic()
        self._stopping = False
        self._wakeup_reader, wakeup_writer = socket.socketpair()  # rings when a child ends
        wakeup_writer.setblocking(False)
        self._wakeup_reader.setblocking(False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(wakeup_writer.fileno(), warn_on_full_buffer=False)
        self._wakeup_writer = wakeup_writer
        self._listen()

    def run(self) -> None:
        while not self._stopping and (self.children or time.monotonic() - self._last_used < self.idle_s):
            ready, _, _ = select.select(
                [self._listener, self._wakeup_reader], [], [], min(_POLL_INTERVAL_S, self.idle_s)
            )
            with suppress(BlockingIOError):
                self._wakeup_reader.recv(4096)
            if self._listener in ready:
                self._accept()
            self._reap()
            if not os.path.exists(self.path):  # somebody tidied up the folder of temporary files
                self._listener.close()
                self._listen()
        self._listener.close()
        with suppress(FileNotFoundError):
            os.unlink(self.path)

    def _listen(self) -> None:
        with suppress(FileNotFoundError):
            os.unlink(self.path)  # left by a server that was killed: this one holds the lock
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
                pass  # it only wanted to know whether there is a server
            except (OSError, ValueError):
                traceback.print_exc()

    def _fork(self, request: Request, connection: socket.socket) -> None:
        self._last_used = time.monotonic()
        pid = os.fork()
        if not pid:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            os.close(self._lock)  # or it would stay taken for as long as the child lives
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
                with socket.socket(socket.AF_UNIX) as nobody:
                    self._fork(after, nobody)


def _run_child(request: Request, reply_fd: int) -> NoReturn:
    """Turns this process into the request's own, calls its function and ends."""
    status = 1
    try:
        settled = _capture_outcome(_enter_environment, request)
        _send(reply_fd, settled | {"pid": os.getpid()})
        if "value" in settled:
            status = _execute(request, reply_fd)
    except BaseException:
        traceback.print_exc()
    finally:
        with suppress(Exception):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(status)  # no exit handlers: those of the preloaded packages belong to the server


def _execute(request: Request, reply_fd: int) -> int:
    if request.get("reply"):
        _send(reply_fd, _capture_outcome(_call, request))
    else:
        os.close(reply_fd)
        _call(request)
    return 0


def _enter_environment(request: Request) -> None:
    """Own session, so that signals to the kernel's group do not arrive; the asker's environment, folder and path."""
    if hasattr(os, "setsid"):
        with suppress(PermissionError):  # leads a session already
            os.setsid()
    _redirect_output(request.get("output"))
    os.environ.clear()
    os.environ.update(request["environment"])
    with suppress(OSError, TypeError):
        os.chdir(request["cwd"])
    sys.path[:] = request["path"]
    importlib.invalidate_caches()


def _redirect_output(output: str | None) -> None:
    """Standard output and error go to the file, which must be new: two processes never work on one run."""
    if not output:
        return
    log = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o666)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for source, target in ((nothing, 0), (log, 1), (log, 2)):
        os.dup2(source, target)
    os.close(nothing)
    os.close(log)
    sys.stdout.reconfigure(encoding="utf-8", errors="backslashreplace", line_buffering=True)  # type: ignore[union-attr]
    sys.stderr.reconfigure(encoding="utf-8", errors="backslashreplace", line_buffering=True)  # type: ignore[union-attr]
    faulthandler.enable()


def _call(request: Request) -> Any:
    module, function = request["call"].split(":")
    return getattr(importlib.import_module(module), function)(*request["args"])


def _capture_outcome(function: Callable[[Request], Any], request: Request) -> dict[str, Any]:
    try:
        return {"value": json.loads(json.dumps(function(request)))}
    except Exception as error:
        traceback.print_exc()
        return {"error": type(error).__name__, "text": str(error)}


def _send(fd: int, message: dict[str, Any]) -> None:
    data = encode_frame(message)
    with suppress(OSError):  # who asked may have been killed meanwhile: a run goes on
        while data:
            data = data[os.write(fd, data) :]


if __name__ == "__main__":
    sys.exit(main())
