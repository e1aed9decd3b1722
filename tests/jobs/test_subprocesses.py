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
from labkit.jobs import fork_client, launch, subprocesses
from labkit.runs.folder import read_queue_state

from .conftest import STANDIN

pytestmark = [
    pytest.mark.usefixtures("standin"),
    pytest.mark.skipif(not fork_client.can_fork(), reason="there is no fork server without fork"),
]


def ask_surroundings(variable: str = "HOME") -> dict:
    return subprocesses.call_in_process(f"{STANDIN}:surroundings", variable, timeout_s=60)


def server_pid() -> int:
    pid = ask_surroundings()["server"]
    assert fork_client._socket_path() in psutil.Process(pid).cmdline(), "a fresh interpreter answered"
    return pid


def until(happened, what: str, timeout_s: float = 30) -> None:
    deadline = time.monotonic() + timeout_s
    while not happened():
        assert time.monotonic() < deadline, f"{what} did not happen within {timeout_s} s"
        time.sleep(0.01)


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


@pytest.mark.parametrize("fork", ["1", "0"])
def test_threads_soon_stop_spinning_unless_told_otherwise(fork: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LABKIT_FORK", fork)
    for name in ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT"):
        monkeypatch.delenv(name, raising=False)
    found = ask_surroundings("GOMP_SPINCOUNT")
    assert 0 < int(found["variable"]) < 100_000
    booted = Path(f"/proc/{found['server']}/environ")  # what the server was started with
    if fork == "1" and booted.exists():
        assert b"GOMP_SPINCOUNT=" in booted.read_bytes()
    monkeypatch.setenv("LABKIT_FORK", "0")
    monkeypatch.setenv("OMP_WAIT_POLICY", "ACTIVE")
    assert ask_surroundings("OMP_WAIT_POLICY")["variable"] == "ACTIVE"
    assert not ask_surroundings("GOMP_SPINCOUNT")["variable"]


def test_server_and_children_have_sessions_of_their_own() -> None:
    found = ask_surroundings()
    assert len({found["session"], os.getsid(found["server"]), os.getsid(0)}) == 3


def test_one_server_serves_all() -> None:
    assert ask_surroundings()["server"] == ask_surroundings()["server"]


def test_another_preload_or_thread_count_has_a_server_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    first = ask_surroundings()["server"]
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    second = ask_surroundings()["server"]
    fork_client.shutdown()
    assert first != second


@pytest.fixture
def alone(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder for sockets without any yet."""
    folder = tempfile.mkdtemp(prefix="labkit-")
    monkeypatch.setenv("XDG_RUNTIME_DIR", folder)
    yield Path(folder)
    fork_client.shutdown()
    shutil.rmtree(folder)


def sockets(folder: Path) -> list[Path]:
    return list(folder.rglob("*.sock"))


def test_runs_that_follow_each_other_share_one_server(alone: Path) -> None:
    for _ in range(2):
        folder = launch.submit(RunConfig(corpus="short")).folder  # the second one is started by the first
    until(lambda: read_queue_state(folder) == "ended", "the end of the second run")
    assert len(sockets(alone)) == 1


def test_a_kernel_that_has_imported_torch_has_no_server_of_its_own(
    alone: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = ask_surroundings()["server"]
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", "/tmp/torchinductor_me")  # as transformers and torch._dynamo do
    assert ask_surroundings()["server"] == before


def test_shutting_down_ends_all_servers(alone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pids = [ask_surroundings()["server"]]
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    pids.append(ask_surroundings()["server"])
    fork_client.shutdown()
    assert sockets(alone) == []
    until(lambda: not any(map(psutil.pid_exists, pids)), "the end of both servers")


def test_edited_code_is_never_stale(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    module = tmp_path / "edited_between.py"
    for version in ("first", "second, and longer"):
        module.write_text(f"def say():\n    return {version!r}\n")
        assert subprocesses.call_in_process("edited_between:say", timeout_s=60) == version


def test_many_who_start_a_server_at_once_get_the_same_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LABKIT_PRELOAD", "json,msgspec")
    program = "from tests.jobs.test_subprocesses import ask_surroundings; print(ask_surroundings()['server'])"
    try:
        asking = [_python(program, stdout=subprocess.PIPE) for _ in range(4)]
        assert len({process.communicate(timeout=60)[0] for process in asking}) == 1
    finally:
        fork_client.shutdown()


def test_a_killed_server_is_replaced_though_its_socket_lies_there() -> None:
    killed = server_pid()
    path = Path(fork_client._socket_path())
    os.kill(killed, signal.SIGKILL)
    until(lambda: not fork_client._is_up(str(path)), "the end of the server")
    assert path.exists()
    assert ask_surroundings()["server"] != killed


def test_a_killed_server_is_replaced_while_its_children_live_on(tmp_path: Path) -> None:
    killed = server_pid()
    child = subprocesses.start_process(f"{STANDIN}:sleep", "60", output=tmp_path / "output.log")
    os.kill(killed, signal.SIGKILL)
    assert ask_surroundings()["server"] != killed
    os.kill(child, signal.SIGKILL)  # raises if it was gone


def test_a_server_whose_socket_was_tidied_away_listens_again() -> None:
    before = ask_surroundings()["server"]
    os.unlink(fork_client._socket_path())
    assert ask_surroundings()["server"] == before


def test_an_idle_server_ends_and_leaves_no_socket(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LABKIT_PRELOAD", "json")
    fork_client.connect(idle_s=0.3).close()
    path = fork_client._socket_path()
    until(lambda: not fork_client._is_up(path), "the end of the idle server")
    assert not os.path.exists(path)
    assert os.path.exists(path + ".lock")


def test_a_server_that_cannot_preload_says_so_in_its_log_and_serves(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LABKIT_PRELOAD", "no_such_package")
    try:
        ask_surroundings()
        assert "No module named 'no_such_package'" in Path(fork_client._socket_path() + ".log").read_text()
    finally:
        fork_client.shutdown()


def test_without_a_private_folder_a_fresh_interpreter_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    def none() -> Path:
        raise fork_client.NoServerError("there is no private folder")

    monkeypatch.setattr(fork_client, "_private_folder", none)
    assert ask_surroundings()["server"]


def test_a_folder_that_others_can_enter_is_not_used(server_folder: str, monkeypatch: pytest.MonkeyPatch) -> None:
    open_to_all = Path(server_folder, "open")
    (open_to_all / f"labkit-{os.getuid()}").mkdir(parents=True)
    (open_to_all / f"labkit-{os.getuid()}").chmod(0o755)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(open_to_all))
    assert open_to_all not in fork_client._private_folder().parents


def test_socket_and_its_folder_are_for_this_user_only() -> None:
    ask_surroundings()
    path = Path(fork_client._socket_path())
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert len(os.fsencode(path)) < 100


def test_a_client_that_says_nothing_or_nonsense_does_not_stop_the_server() -> None:
    before = ask_surroundings()["server"]
    for data in (b"", b"\0\0", b"\0\0\0\4oops", b"\xff\xff\xff\xff"):
        with fork_client.connect() as connection:
            connection.sendall(data)
    assert ask_surroundings()["server"] == before


def test_warming_does_not_delay_the_end_of_who_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "slow_to_import.py").write_text("import time\ntime.sleep(20)\n")
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}{os.pathsep}{os.environ.get('PYTHONPATH', '')}")
    monkeypatch.setenv("LABKIT_PRELOAD", "slow_to_import")
    program = """
        import time
        from labkit.jobs import fork_client as server, launch
        launch.start_server()
        assert not server._try_connect(server._socket_path()), "it waited for the server"
        path = server._socket_path()
        while not server._is_up(path):
            time.sleep(0.01)
    """
    begin = time.monotonic()
    process = _python(program)
    try:
        assert process.wait(timeout=60) == 0
        assert time.monotonic() - begin < 10
    finally:
        _kill_booting_server()


def _kill_booting_server() -> None:
    for process in psutil.process_iter(["cmdline"]):
        if fork_client._socket_path() in (process.info["cmdline"] or []):
            process.kill()


def _python(program: str, **how) -> subprocess.Popen:
    root = str(Path(__file__).resolve().parents[2])
    return subprocess.Popen([sys.executable, "-c", textwrap.dedent(program)], cwd=root, **how)
