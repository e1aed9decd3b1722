"""Client of the fork server (fork_server.py): starts it, and calls functions in its children.

The server lives in a session of its own, so that it outlives the kernel that started it and does not delay that
kernel's exit. It serves a private folder, named by a hash of all that affects the import of the preloaded packages.
"""

import getpass
import hashlib
import json
import os
import stat
import subprocess
import sys
import tempfile
import time
import uuid
from contextlib import suppress
from pathlib import Path
from typing import Any

from labkit.environment import torch_environment
from labkit.file_lock import is_locked
from labkit.jobs.fork_server import LOCK, REPLY, REQUEST, STOP
from labkit.messages import N_, Message
from labkit.paths import atomic_write
from labkit.versions import installed_versions

# Third-party packages that a run imports. None of labkit, as edited code must not be stale. LABKIT_PRELOAD replaces it.
PRELOAD = (
    "msgspec",
    "psutil",
    "torch",
    "torch._dynamo",
    "safetensors.torch",
    "transformers.models.auto.modeling_auto",
    "transformers.models.auto.tokenization_auto",
    "transformers.models.bert.modeling_bert",
    "transformers.models.bert.tokenization_bert",
    "accelerate",
)
IDLE_S = 600.0
# Variables that are read when a package is imported, not only when it is used.
_ENVIRONMENT_PREFIXES = (
    *("OMP_", "KMP_", "GOMP_", "MKL_", "OPENBLAS_", "CUDA_", "NVIDIA_", "TORCH", "PYTORCH_", "HF_", "TRANSFORMERS_"),
    *("ACCELERATE_", "LABKIT_PRELOAD", "GLIBC_", "LD_", "PYTHON", "HOME", "XDG_CACHE_HOME", "TMPDIR", "LANG", "LC_"),
)
_SET_BY_TORCH = ("TORCHINDUCTOR_CACHE_DIR",)  # at its import: a kernel that has imported torch needs no other server
_SCRIPT = Path(__file__).with_name("fork_server.py")
_LOOK_INTERVAL_S = 1.0  # from one look at the server to the next, while an answer is awaited


_LOOK_INTERVAL_S = 1.0  # from one look at the server to the next, while an answer is awaited
_POLL_S = 0.005
_started: dict[Path, subprocess.Popen[bytes]] = {}  # by folder: the servers of this process, which has to reap them


class Call:
    """Call of a function in a child of the fork server. Starts the server if there is none."""

    def __init__(self, target: str, *args: str, timeout_s: float, then: str = "") -> None:
        """Sends the request; this process may then end.

        Args:
            target: the function, as "module:function"; its arguments are `args`. If the server is killed, it may be
                called twice.
            timeout_s: time for the answer. A child that has not answered by then is killed.
            then: function to be called with the value, in the same child, unless the value is None.

        Raises OSError if the request cannot be written or no server be started.
        """
        here = current_folder()
        self._request = {
            "call": target,
            "args": args,
            "path": [os.path.join(here, entry) for entry in sys.path],
            "cwd": here,
            "environment": torch_environment(),
            "timeout_s": timeout_s,
            **({"then": then} if then else {}),
        }
        self._timeout_s = timeout_s
        self._deadline = time.monotonic() + timeout_s
        self._folder = server_folder()
        self._file = self._folder / f"{uuid.uuid4().hex}{REQUEST}"
        self._send()

    def value(self) -> Any:
        """Waits for the function's value.

        Raises ValueError if the function did, RuntimeError if it raised anything else or its process died, TimeoutError
        if it took too long, OSError if there is no server.
        """
        reply, look_at = self._file.with_suffix(REPLY), time.monotonic() + _LOOK_INTERVAL_S
        while not reply.exists():
            now = time.monotonic()
            if now > self._deadline:
                self._file.unlink(missing_ok=True)
                text = N_("no answer within {seconds:g} s; try again, or allow more time")
                raise TimeoutError(Message(text, seconds=self._timeout_s))
            if now > look_at:
                look_at = now + _LOOK_INTERVAL_S
                if not is_locked(self._folder / LOCK):  # the server was killed, or ended before the request came
                    self._send()
            time.sleep(_POLL_S)
        outcome = json.loads(reply.read_bytes())
        reply.unlink()
        if "value" in outcome:
            return outcome["value"]
        if "error" not in outcome:
            raise RuntimeError(Message("its process ended before it could answer; perhaps it ran out of memory"))
        problem = Message.from_json(outcome["text"])
        if outcome["error"] == "ValueError":
            raise ValueError(problem)
        raise RuntimeError(Message("{kind}: {problem}", kind=outcome["error"], problem=problem))

    def _send(self) -> None:
        with atomic_write(self._file) as file:
            file.write_text(json.dumps(self._request))
        _start_server(self._folder, IDLE_S)


def start_server(idle_s: float = IDLE_S) -> None:
    """Starts the server, unless there is one. Returns before it is ready, which takes seconds.

    The server ends after `idle_s` without use. Raises OSError if it cannot be started.
    """
    _start_server(server_folder(), idle_s)


def shutdown() -> None:
    """Ends all fork servers of this user and waits for them. Their runs go on."""
    for lock in _private_folder().glob(f"*/{LOCK}"):
        while is_locked(lock):
            (lock.parent / STOP).touch()
            time.sleep(_POLL_S)
        (lock.parent / STOP).unlink(missing_ok=True)
        if server := _started.pop(lock.parent, None):
            server.wait()


def server_folder() -> Path:
    """Folder of the server for this interpreter, these packages and this environment."""
    environment = torch_environment()  # which a run's process, that starts the next one, has already
    names = [name for name in environment if name.startswith(_ENVIRONMENT_PREFIXES) and name not in _SET_BY_TORCH]
    variables = [(name, environment[name]) for name in sorted(names)]
    interpreter = (sys.executable, sys.prefix, str(_SCRIPT), _SCRIPT.stat().st_mtime_ns)
    key = json.dumps([*interpreter, installed_versions(), PRELOAD, variables])
    folder = _private_folder() / hashlib.sha256(key.encode()).hexdigest()[:16]
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder


def current_folder() -> str:
    """Working directory, or the root if it has been deleted."""
    with suppress(FileNotFoundError):
        return os.getcwd()
    return os.sep


def _start_server(folder: Path, idle_s: float) -> None:
    if is_locked(folder / LOCK):
        return
    if server := _started.pop(folder, None):
        if (status := server.poll()) is None:  # it is about to take its lock, or has just released it
            _started[folder] = server
            return
        if status > 0:
            text = N_("the process that starts runs ended with status {status}; see {file}")
            raise OSError(Message(text, status=status, file=str(folder / "log")))
    preload = os.environ.get("LABKIT_PRELOAD", ",".join(PRELOAD))
    # -P: or the script's folder would come first on the path, and its modules before those of the standard library
    command = [sys.executable, "-P", str(_SCRIPT), str(folder), f"--idle-s={idle_s}", f"--preload={preload}"]
    with open(folder / "log", "ab") as log:
        options: dict[str, Any] = {"stdin": subprocess.DEVNULL, "stdout": log, "stderr": log, "cwd": folder}
        _started[folder] = subprocess.Popen(command, env=torch_environment(), start_new_session=True, **options)


def _private_folder() -> Path:
    """Folder that only this user can enter. Raises OSError if there is none.

    Requests in it are executed.
    """
    user = getattr(os, "getuid", getpass.getuser)()
    for base in (os.environ.get("XDG_RUNTIME_DIR"), tempfile.gettempdir()):
        folder = Path(base or os.devnull, f"labkit-{user}")
        with suppress(OSError):
            folder.mkdir(mode=0o700, exist_ok=True)
            status = folder.lstat()
            is_private = sys.platform == "win32" or (status.st_uid == user and not status.st_mode & 0o077)
            if stat.S_ISDIR(status.st_mode) and is_private:
                return folder
    raise OSError(
        Message("{folder} is not a folder of this user alone; set XDG_RUNTIME_DIR to one", folder=str(folder))
    )
