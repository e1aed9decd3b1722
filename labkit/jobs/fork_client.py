"""Client of the fork server (fork_server.py): finds it, starts it, ends it.

The server lives in a session of its own, so that it outlives the kernel that started it and does not delay that
kernel's exit. It is found by its socket in a private folder. The socket's name is a hash of all that affects the import
of the preloaded packages.
"""

import hashlib
import json
import logging
import os
import socket
import stat
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from labkit.environment import torch_environment
from labkit.jobs.fork_server import EXIT_ALREADY_RUNNING, encode_frame
from labkit.versions import installed_versions

_log = logging.getLogger(__name__)

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
BOOT_TIMEOUT_S = 120.0  # torch may come from a slow network disk
_MAX_BOOTS = 3  # starts before giving up


class NoServerError(OSError):
    """Raised if the fork server cannot be reached or started."""


def can_fork() -> bool:
    """True if runs are forked from a server here; LABKIT_FORK=0 forbids it.

    On macOS a forked child may not use the system libraries that torch needs.
    """
    return hasattr(os, "fork") and sys.platform != "darwin" and os.environ.get("LABKIT_FORK") != "0"


def start_server(idle_s: float = IDLE_S) -> None:
    """Starts the server in the background, unless there is one.

    Returns at once. The server ends after `idle_s` without use.
    """

    def boot() -> None:
        installed_versions()  # takes some 10 ms the first time
        if can_fork():
            try:
                connect(idle_s).close()
            except OSError as error:
                _log.warning("no fork server, so runs start slower: %s", error)

    threading.Thread(target=boot, name="labkit-warm", daemon=True).start()


def connect(idle_s: float = IDLE_S, wait_s: float = BOOT_TIMEOUT_S) -> socket.socket:
    """Connects to the server, and starts it if there is none.

    Raises NoServerError if it cannot be started, or is not ready after `wait_s`.
    """
    path = _socket_path()
    deadline, boots = time.monotonic() + wait_s, 0
    while time.monotonic() < deadline:
        if connection := _try_connect(path):
            return connection
        if not _is_up(path):
            if boots == _MAX_BOOTS:
                raise NoServerError(f"it ends while starting, see {path}.log")
            boots += _boot(path, idle_s)
        time.sleep(0.005)
    raise NoServerError(f"it was not ready after {wait_s:.0f} s, see {path}.log")


def shutdown() -> None:
    """Ends all fork servers of this user and waits for them. Their runs go on."""
    if not can_fork():
        return
    deadline = time.monotonic() + BOOT_TIMEOUT_S
    for lock in _private_folder().glob("*.sock.lock"):
        path = str(lock).removesuffix(".lock")
        while _is_up(path) and time.monotonic() < deadline:
            if connection := _try_connect(path):
                with connection, suppress(OSError):
                    connection.sendall(encode_frame({"stop": True}))
            time.sleep(0.01)


def start_interpreter(arguments: list[str], **popen_options: Any) -> subprocess.Popen[bytes]:
    """Runs the server's script in a session of its own. `popen_options` go to Popen."""
    popen_options["env"] = torch_environment()
    if sys.platform == "win32":
        popen_options["creationflags"] = subprocess.DETACHED_PROCESS | subprocess.CREATE_NEW_PROCESS_GROUP
    else:
        popen_options["start_new_session"] = True
    # -P: or the script's folder would come first on the path, and its modules before those of the standard library
    return subprocess.Popen([sys.executable, "-P", str(_SCRIPT), *arguments], **popen_options)


def _try_connect(path: str) -> socket.socket | None:
    connection = socket.socket(socket.AF_UNIX)
    try:
        connection.connect(path)
        return connection
    except (FileNotFoundError, ConnectionError, BlockingIOError):
        connection.close()
        return None


def _boot(path: str, idle_s: float) -> bool:
    """Starts a server, which is not ready yet. False if another one has just been started."""
    preload = os.environ.get("LABKIT_PRELOAD", ",".join(PRELOAD))
    arguments = ["serve", path, f"--idle-s={idle_s}", f"--preload={preload}"]
    with open(path + ".log", "ab") as log:
        folder = os.path.dirname(path)
        process = start_interpreter(arguments, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=folder)
        status = process.wait()  # some 30 ms: the daemon stays behind
    if status not in (0, EXIT_ALREADY_RUNNING):
        raise NoServerError(f"it ended at once with status {status}, see {path}.log")
    return status == 0


def _is_up(path: str) -> bool:
    """True if a server is ready or starting. It holds its lock while it lives."""
    import fcntl

    with suppress(FileNotFoundError), open(path + ".lock", "rb") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def _socket_path() -> str:
    """Path of the socket for this interpreter, these packages and this environment."""
    environment = torch_environment()  # which a run's process, that starts the next one, has already
    names = [name for name in environment if name.startswith(_ENVIRONMENT_PREFIXES) and name not in _SET_BY_TORCH]
    variables = [(name, environment[name]) for name in sorted(names)]
    interpreter = (sys.executable, sys.prefix, str(_SCRIPT), _SCRIPT.stat().st_mtime_ns)
    key = [*interpreter, installed_versions(), PRELOAD, variables]
    name = hashlib.sha256(json.dumps(key).encode()).hexdigest()[:16]
    return str(_private_folder() / f"{name}.sock")


def _private_folder() -> Path:
    """Folder that only this user can enter. Raises NoServerError if there is none."""
    for base in (os.environ.get("XDG_RUNTIME_DIR"), tempfile.gettempdir(), "/tmp"):
        folder = Path(base or os.devnull, f"labkit-{os.getuid()}")
        if len(os.fsencode(folder)) > 70:  # a socket's path has at most 108 bytes, 104 on some systems
            continue
        with suppress(OSError):
            folder.mkdir(mode=0o700, exist_ok=True)
            status = folder.lstat()
            if stat.S_ISDIR(status.st_mode) and status.st_uid == os.getuid() and not status.st_mode & 0o077:
                return folder
    raise NoServerError("there is no private folder for its socket")
