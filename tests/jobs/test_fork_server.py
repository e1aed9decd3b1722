"""The fork server, and functions called in its children."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from labkit.config import RunConfig
from labkit.file_lock import is_locked
from labkit.jobs import fork_client, launch
from labkit.jobs.fork_client import Call, server_folder
from labkit.jobs.fork_server import LOCK
from labkit.runs.folder import read_queue_state

from .conftest import STANDIN

pytestmark = pytest.mark.usefixtures("standin")


def call(target: str, *args: str):
    return Call(target, *args, timeout_s=60).value()


def ask_surroundings(variable: str = "HOME") -> dict:
    return call(f"{STANDIN}:surroundings", variable)


def until(happened, what: str, timeout_s: float = 30) -> None:
    deadline = time.monotonic() + timeout_s
    while not happened():
        assert time.monotonic() < deadline, f"{what} did not happen within {timeout_s} s"
        time.sleep(0.01)


@pytest.fixture
def alone(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder for servers without any yet."""
    folder = tempfile.mkdtemp(prefix="labkit-")
    monkeypatch.setenv("XDG_RUNTIME_DIR", folder)
    yield Path(folder)
    fork_client.shutdown()
    shutil.rmtree(folder)


def servers(folder: Path) -> list[Path]:
    return [lock.parent for lock in folder.rglob(LOCK) if is_locked(lock)]


def test_a_child_has_the_environment_folder_and_path_of_who_asks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask_surroundings()  # so that the server was started elsewhere
    monkeypatch.setenv("A_VARIABLE", "grün, \udcff")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend("relative")
    found = ask_surroundings("A_VARIABLE")
    assert found["variable"] == "grün, \udcff"
    assert found["cwd"] == str(tmp_path)
    assert found["path"][0] == str(tmp_path / "relative")


def test_server_and_children_have_sessions_of_their_own() -> None:
    found = ask_surroundings()
    assert len({os.getsid(0), os.getsid(found["server"]), found["session"]}) == 3


def test_runs_that_follow_each_other_share_one_server(alone: Path) -> None:
    for _ in range(2):
        folder = launch.submit(RunConfig(corpus="short")).folder
    until(lambda: read_queue_state(folder) == "ended", "the end of the second run")
    assert len(servers(alone)) == 1


def test_another_preload_or_thread_count_has_a_server_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    before = server_folder()
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    other = server_folder()
    monkeypatch.setenv("LABKIT_PRELOAD", "json")
    assert len({before, other, server_folder()}) == 3


def test_a_kernel_that_has_imported_torch_has_no_server_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    before = server_folder()
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", "/tmp/torchinductor_me")  # as transformers and torch._dynamo do
    assert server_folder() == before


def test_shutting_down_ends_all_servers(alone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pids = [ask_surroundings()["server"]]
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    pids.append(ask_surroundings()["server"])
    fork_client.shutdown()
    assert servers(alone) == []
    ended = (psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD)
    until(
        lambda: not any(psutil.pid_exists(pid) and psutil.Process(pid).status() not in ended for pid in pids),
        "the end of both servers",
    )
    assert ask_surroundings()["server"] not in pids


def test_edited_code_is_never_stale(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    module = tmp_path / "edited_between.py"
    for version in ("first", "second, and longer"):
        module.write_text(f"def say():\n    return {version!r}\n")
        assert call("edited_between:say") == version


def test_many_who_start_a_server_at_once_get_the_same_one(alone: Path) -> None:
    program = "from tests.jobs.test_fork_server import ask_surroundings; print(ask_surroundings()['server'])"
    asking = [_python(program, stdout=subprocess.PIPE) for _ in range(4)]
    assert len({process.communicate(timeout=60)[0] for process in asking}) == 1
    assert len(servers(alone)) == 1


def test_a_killed_server_is_replaced(alone: Path) -> None:
    killed = ask_surroundings()["server"]
    os.kill(killed, signal.SIGKILL)
    assert ask_surroundings()["server"] != killed


def test_requests_are_served_after_the_folder_was_tidied_away(alone: Path) -> None:
    ask_surroundings()
    shutil.rmtree(server_folder())
    assert ask_surroundings()["server"]


def test_an_idle_server_ends_and_leaves_no_request(alone: Path) -> None:
    fork_client.start_server(idle_s=0.3)
    ask_surroundings()
    until(lambda: not servers(alone), "the end of the idle server")
    assert {path.name for path in server_folder().iterdir()} == {LOCK, "log"}
    assert ask_surroundings()["server"]


def test_a_server_that_cannot_preload_says_so_in_its_log_and_serves(
    alone: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LABKIT_PRELOAD", "no_such_package")
    ask_surroundings()
    assert "No module named 'no_such_package'" in (server_folder() / "log").read_text()


def test_a_server_that_ends_with_an_error_is_told(alone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fork_client, "_SCRIPT", alone / "no_such_script.py")
    (alone / "no_such_script.py").write_text("raise SystemExit(3)")
    with pytest.raises(OSError, match="ended with status 3; see"):
        ask_surroundings()


def test_a_folder_that_others_can_enter_is_not_used(alone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (alone / f"labkit-{os.getuid()}").mkdir()
    (alone / f"labkit-{os.getuid()}").chmod(0o755)
    assert alone not in server_folder().parents
    with monkeypatch.context() as patch:
        patch.setattr(tempfile, "gettempdir", lambda: str(alone))
        with pytest.raises(OSError, match="set XDG_RUNTIME_DIR"):
            server_folder()


def test_requests_are_for_this_user_only(alone: Path) -> None:
    folder = server_folder()
    assert folder.parent.stat().st_mode & 0o777 == 0o700
    assert folder.stat().st_mode & 0o777 == 0o700


def test_nonsense_does_not_stop_the_server() -> None:
    before = ask_surroundings()["server"]
    for number, data in enumerate((b"", b"\0\0", b"{}", b"[1]", b'{"timeout_s": 1}')):
        (server_folder() / f"{number}.request").write_bytes(data)
    assert ask_surroundings()["server"] == before
    until(lambda: not list(server_folder().glob("?.request")), "all were read")


def test_starting_a_server_does_not_wait_for_it(tmp_path: Path, alone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "slow_to_import.py").write_text("import time\ntime.sleep(20)\n")
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}{os.pathsep}{os.environ.get('PYTHONPATH', '')}")
    monkeypatch.setenv("LABKIT_PRELOAD", "slow_to_import")
    begin = time.monotonic()
    assert _python("from labkit.jobs import launch; launch.start_server()").wait(timeout=60) == 0
    assert time.monotonic() - begin < 10
    until(lambda: servers(alone), "the server takes its lock")
    for process in psutil.process_iter(["cmdline"]):
        if str(server_folder()) in (process.info["cmdline"] or []):
            process.kill()


def _python(program: str, **how) -> subprocess.Popen:
    root = str(Path(__file__).resolve().parents[2])
    return subprocess.Popen([sys.executable, "-c", textwrap.dedent(program)], cwd=root, **how)
