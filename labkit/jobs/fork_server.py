"""Fork server: imports torch once, then forks a process for each request.

It runs as a plain file (`python -P fork_server.py FOLDER`), so that nothing of labkit is imported here: a child imports
labkit's code itself, and edited code is never stale. The server must never initialise CUDA nor run a torch operator, or
its children could not.

A request is a JSON file in FOLDER, deleted once it is answered: a killed server's requests are served by the next one,
so that a function may be called twice. It holds:

    call         "module:function", called with `args`
    then         optional "module:function", called with the value if that is not None
    path, environment, cwd
                 those of the client, for the child
    timeout_s    time after which the child is killed, unless it has answered

The child answers by a file beside the request: {"value": …}, or {"error": the exception's name, "text": its message};
an empty object if it died. When a child that called `then` has ended, even by a kill, its request is made again: so the
queue of runs goes on.
"""

import argparse
import faulthandler
import gc
import importlib
import json
import multiprocessing
import os
import sys
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

LOCK, REQUEST, REPLY, STOP = "lock", ".request", ".reply", "stop"
_POLL_S = 0.02  # twice as often costs 1.3 % of a core
_REPLY_KEPT_S = 600.0  # longer than any client waits
# A forked child may not use the system libraries that torch needs on macOS, and Windows has no fork: there a child is a
# fresh interpreter. Only Linux was tried.
_FORKS = sys.platform == "linux"
_processes: Any = multiprocessing.get_context("fork" if _FORKS else "spawn")

Request = dict[str, Any]


def main() -> None:
    """Serves a folder, unless another server does."""
    parser = argparse.ArgumentParser(description="Forks labkit's processes from one that has imported torch.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--idle-s", type=float, default=600.0)
    parser.add_argument("--preload", default="", help="modules, separated by commas")
    options = parser.parse_args()
    with suppress(Timeout), FileLock(options.folder / LOCK, timeout=0.1, fallback_to_soft=False):
        _preload(options.preload.split(",") if _FORKS else [])
        ForkServer(options.folder, options.idle_s).run()
    os._exit(0)  # multiprocessing would wait for children, which go on without a server


def _preload(modules: list[str]) -> None:
    """Imports modules. Errors go to the server's log, and are raised again in a child that needs the module."""
    nvml_check = "PYTORCH_NVML_BASED_CUDA_CHECK"  # is_available() must not initialise CUDA, or no child could use it
    before = os.environ.get(nvml_check)
    os.environ[nvml_check] = "1"
    for module in filter(None, modules):
        try:
            importlib.import_module(module)
        except Exception:
            traceback.print_exc()
    del os.environ[nvml_check]
    if before is not None:
        os.environ[nvml_check] = before
    torch = sys.modules.get("torch")
    if torch and torch.cuda.is_initialized():
        raise RuntimeError("importing the packages initialised CUDA: forked children could not use it")
    gc.collect()
    gc.freeze()  # the collector then does not touch, and so copy, shared pages


class ForkServer:
    """Server loop: a child for each request. Ends after `idle_s` without either."""

    def __init__(self, folder: Path, idle_s: float):
        self.folder = folder
        self.idle_s = idle_s
        self._children: list[_Child] = []
        for old in folder.glob(f"*{REPLY}"):  # whoever asked has died
            with suppress(FileNotFoundError):
                if time.time() - old.stat().st_mtime > _REPLY_KEPT_S:
                    old.unlink()

    def run(self) -> None:
        """Serves until idle, or until a file STOP appears in the folder."""
        last_used = time.monotonic()
        while self._children or time.monotonic() - last_used < self.idle_s:
            for name in os.listdir(self.folder):
                if name == STOP:
                    return
                if name.endswith(REQUEST) and name not in [child.name for child in self._children]:
                    self._take(self.folder / name)
            for child in [child for child in self._children if child.has_ended()]:
                self._children.remove(child)
                if child.called_then:
                    self._children.append(_Child(child.request))
            if self._children:
                last_used = time.monotonic()
            time.sleep(_POLL_S)

    def _take(self, path: Path) -> None:
        try:
            self._children.append(_Child(json.loads(path.read_bytes()), path))
        except FileNotFoundError:
            pass  # the client withdrew it
        except Exception:
            traceback.print_exc()
            path.unlink(missing_ok=True)


class _Child:
    """A process that serves one request: that of a file, which it answers, or one made again."""

    def __init__(self, request: Request, file: Path | None = None):
        self.request = request
        self.name = file.name if file else ""
        self.called_then = False
        self._file = file
        self._kill_at = time.monotonic() + request["timeout_s"]
        self._answer, writer = _processes.Pipe(duplex=False)
        self._process = _processes.Process(target=_run_child, args=(request, writer))
        self._process.start()
        writer.close()  # so that the pipe ends with the child

    def has_ended(self) -> bool:
        """Passes the answer on; True once the process has ended."""
        has_ended = self._process.exitcode is not None
        if not self._answer.closed:
            if self._answer.poll():
                self._pass_on()
            elif time.monotonic() > self._kill_at:
                self._answer.close()  # nobody waits any longer
                self._process.kill()
                self._delete_request()
        return has_ended

    def _pass_on(self) -> None:
        outcome = {}
        with suppress(EOFError), self._answer:  # EOFError: it died
            outcome = self._answer.recv()
        self.called_then = _calls_then(self.request, outcome)
        if self._file:
            with suppress(OSError):
                aside = self._file.with_suffix(".new")
                aside.write_text(json.dumps(outcome))
                aside.replace(self._file.with_suffix(REPLY))
        self._delete_request()

    def _delete_request(self) -> None:
        if self._file:
            with suppress(OSError):
                self._file.unlink(missing_ok=True)


def _calls_then(request: Request, outcome: dict[str, Any]) -> bool:
    return "then" in request and outcome.get("value") is not None


def _run_child(request: Request, answer: Connection) -> None:
    """Body of a child process: enters the client's surroundings, calls the function."""
    try:
        _enter(request)
        value = _load(request["call"])(*request["args"])
        outcome = {"value": json.loads(json.dumps(value))}
    except Exception as error:
        traceback.print_exc()
        texts = [text.to_json() for text in error.args if hasattr(text, "to_json")]  # a labkit.messages.Message
        outcome = {"error": type(error).__name__, "text": texts[0] if texts else str(error)}
    with suppress(OSError), answer:  # the server was killed meanwhile; a run goes on without it
        answer.send(outcome)
    if _calls_then(request, outcome):
        _load(request["then"])(outcome["value"])


def _enter(request: Request) -> None:
    """Enters the client's environment, folder and path, in a new session.

    Signals to the kernel's process group then do not arrive.
    """
    if _FORKS:
        os.setsid()
    faulthandler.enable()
    os.environ.clear()
    os.environ.update(request["environment"])
    with suppress(OSError, TypeError):
        os.chdir(request["cwd"])
    sys.path[:] = request["path"]
    importlib.invalidate_caches()


def _load(name: str) -> Callable[..., Any]:
    module, function = name.split(":")
    loaded: Callable[..., Any] = getattr(importlib.import_module(module), function)
    return loaded


if __name__ == "__main__":
    main()
