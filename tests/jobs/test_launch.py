"""Runs in processes of their own, and their queue. What a run does is acted by standin.py."""

import errno
import gc
import json
import os
import shutil
import signal
import subprocess
import sys
import textwrap
import threading
import time
from itertools import pairwise
from pathlib import Path

import psutil
import pytest

from labkit.config import RunConfig
from labkit.events import (
    CONTROL_FILE,
    EVENTS_FILE,
    PhaseEntered,
    RateRequested,
    RunFinished,
    RunQueued,
    RunStarted,
    open_control_log,
    open_event_log,
)
from labkit.jobs import fork_client, launch, queue, worker
from labkit.messages import message_of
from labkit.runs import control
from labkit.runs.folder import OUTPUT, append_event, has_process, read_queue_state, read_started_event, run_lock
from labkit.runs.store import RunStore
from tests.runs import damage
from tests.runs.samples import write_run

pytestmark = pytest.mark.usefixtures("standin")
ROOT = Path(__file__).resolve().parents[2]


def config(what: str) -> RunConfig:
    return RunConfig(corpus=what)


def until(happened, what: str, timeout_s: float = 30):
    deadline = time.monotonic() + timeout_s
    while not (found := happened()):
        assert time.monotonic() < deadline, f"{what} did not happen within {timeout_s} s"
        time.sleep(0.005)
    return found


def until_started(folder: Path) -> RunStarted:
    return until(lambda: read_started_event(folder), f"the start of {folder.name}")


def until_over(folder: Path) -> None:
    until(lambda: read_queue_state(folder) == "ended", f"the end of {folder.name}")


def finish(folder: Path) -> RunFinished | None:
    return next((event for event in open_event_log(folder).read() if isinstance(event, RunFinished)), None)


def kinds(folder: Path) -> list[str]:
    return [type(event).__name__ for event in open_event_log(folder).read() if not isinstance(event, PhaseEntered)]


def elsewhere(program: str, **how) -> subprocess.Popen:
    """Runs a program that has `launch`, `config` and `runs` in a session of its own, as a kernel has."""
    start = "import os, signal, time\nsignal.signal(signal.SIGINT, signal.default_int_handler)\n"  # ignored under nohup
    start += "from labkit.jobs import launch\nfrom labkit.config import RunConfig\n"
    start += "from pathlib import Path\nruns = Path(os.environ['LABKIT_RUNS'])\n"
    code = start + textwrap.dedent(program)
    return subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, start_new_session=True, **how)


def test_a_submitted_run_leaves_its_first_line_and_its_end() -> None:
    run = launch.submit(config("quick"))
    assert run.wait(30).state == "completed"
    assert kinds(run.folder) == ["RunQueued", "RunStarted", "RunFinished"]
    assert run.started.pid != os.getpid()


def test_what_a_run_prints_is_in_its_folder() -> None:
    folder = launch.submit(config("quick")).folder
    until_over(folder)
    assert (folder / OUTPUT).read_text().splitlines() == ["spoken by the run", "complained by the run"]


def test_a_run_folder_holds_the_config_and_versions() -> None:
    folder = launch.submit(config("quick").replace(epochs=7)).folder
    until_over(folder)
    about = json.loads((folder / "config.json").read_text())
    assert RunConfig.from_dict(about["config"]) == config("quick").replace(epochs=7)
    assert {"labkit", "python", "torch", "transformers"} <= set(about["versions"])
    assert abs(about["created"] - time.time()) < 60
    assert folder.name == "run-0001"


@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_run_survives_a_signal_to_all_of_the_group_that_asked(sign: signal.Signals, runs_folder: Path) -> None:
    asking = elsewhere("launch.submit(RunConfig(corpus='patient'))\ntime.sleep(60)")
    folder = runs_folder / "run-0001"
    begun = until_started(folder)
    os.killpg(asking.pid, sign)
    assert asking.wait(timeout=30) != 0
    before = len(open_event_log(folder).read())
    until(lambda: len(open_event_log(folder).read()) > before + 3, "a further line")
    assert psutil.pid_exists(begun.pid)
    control.stop(folder)
    until_over(folder)
    assert finish(folder).state == "completed"


def test_a_second_run_waits_and_starts_when_the_first_ends() -> None:
    first = launch.submit(config("patient")).folder
    until_started(first)
    second = launch.submit(config("quick")).folder
    time.sleep(0.3)
    assert read_queue_state(second) == "queued"
    assert launch.start_next(first.parent) is None
    control.stop(first)
    until_over(second)
    assert read_started_event(second).time >= read_started_event(first).time + finish(first).seconds


def test_the_queue_goes_on_after_who_asked_has_gone(runs_folder: Path) -> None:
    asking = elsewhere("for _ in range(3): launch.submit(RunConfig(corpus='short'))")
    assert asking.wait(timeout=60) == 0
    until_over(runs_folder / "run-0003")
    assert [finish(runs_folder / f"run-000{n}").state for n in (1, 2, 3)] == ["completed"] * 3


def test_who_ends_right_after_submitting_leaves_a_run_that_starts(runs_folder: Path) -> None:
    assert elsewhere("launch.submit(RunConfig(corpus='quick'))").wait(timeout=60) == 0
    until_over(runs_folder / "run-0001")


def test_the_queue_goes_on_after_a_run_was_killed(runs_folder: Path) -> None:
    assert elsewhere("for what in ('killed', 'quick'): launch.submit(RunConfig(corpus=what))").wait(timeout=60) == 0
    until_over(runs_folder / "run-0002")
    assert kinds(runs_folder / "run-0001") == ["RunQueued", "RunStarted"], "a killed run is known by its missing end"


def test_the_queue_goes_on_with_the_next_look_after_run_and_server_were_killed_together() -> None:
    first = launch.submit(config("patient")).folder
    begun = until_started(first)
    second = launch.submit(config("quick")).folder
    until(lambda: "labkit-queue" not in [thread.name for thread in threading.enumerate()], "the answer: not yet")
    for pid in (psutil.Process(begun.pid).ppid(), begun.pid):
        os.kill(pid, signal.SIGKILL)
    until_over(first)
    assert read_queue_state(second) == "queued", "nobody is left who could start it"
    assert launch.start_next(first.parent) == second
    until_over(second)
    assert [run.state for run in RunStore(first.parent).runs()] == ["interrupted", "completed"]


def test_the_queue_goes_on_after_the_server_was_killed() -> None:
    first = launch.submit(config("patient")).folder
    server = psutil.Process(until_started(first).pid).ppid()
    second = launch.submit(config("quick")).folder
    os.kill(server, signal.SIGKILL)
    control.stop(first)
    until_over(second)
    assert [run.state for run in RunStore(first.parent).runs()] == ["completed", "completed"]


def test_a_request_is_answered_after_its_server_was_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LABKIT_PRELOAD", "msgspec,psutil,http.server")  # a server of its own
    folder = launch.create(config("quick"))
    server = launch.predict(folder, "who")["server"]
    os.kill(server, signal.SIGKILL)
    assert launch.predict(folder, "who")["server"] != server


def test_a_request_is_answered_after_another_client_has_replaced_its_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LABKIT_PRELOAD", "msgspec,psutil,wsgiref.headers")  # a server of its own
    folder = launch.create(config("quick"))
    server = launch.predict(folder, "who")["server"]
    answers: list[dict] = []
    asking = threading.Thread(target=lambda: answers.append(launch.predict(folder, "sleep once")))
    asking.start()
    until((folder / "asleep").exists, "the server takes the request")
    os.kill(server, signal.SIGKILL)
    until(lambda: psutil.Process(server).status() == psutil.STATUS_ZOMBIE, "its end")
    other = launch.predict(folder, "who")["server"]
    asking.join(30)
    assert [answer["server"] for answer in answers] == [other]


def test_two_who_submit_at_once_get_their_own_numbers_and_one_run_is_live(runs_folder: Path) -> None:
    program = """
        while not (runs / 'go').exists():
            time.sleep(0.001)
        print(*[launch.submit(RunConfig(corpus='short')).folder.name for _ in range(3)])
    """
    runs_folder.mkdir()
    asking = [elsewhere(program, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    time.sleep(0.5)
    (runs_folder / "go").touch()
    names = [name for process in asking for name in process.communicate(timeout=60)[0].split()]
    assert sorted(names) == [f"run-{number:04d}" for number in range(1, 7)]
    spans = []
    for name in sorted(names):
        until_over(runs_folder / name)
        begun = read_started_event(runs_folder / name)
        spans.append((begun.time, begun.time + finish(runs_folder / name).seconds))
    spans.sort()  # of two who ask at the same moment, either may come first
    assert all(end <= begin for (_, end), (begin, _) in pairwise(spans)), spans


def test_cancelling_removes_only_what_never_started() -> None:
    over = launch.submit(config("quick")).folder
    until_over(over)
    live = launch.submit(config("patient")).folder
    until_started(live)
    waiting = [launch.submit(config("quick")).folder for _ in range(2)]
    other = launch.create(config("quick"))  # a terminal trains this one itself
    assert launch.cancel_queued(live.parent) == 2
    assert not any(folder.exists() for folder in waiting)
    assert over.exists()
    assert live.exists()
    assert other.exists()
    assert launch.cancel_queued(live.parent) == 0
    control.stop(live)
    until_over(live)


def test_stop_keeps_a_queued_run_from_ever_starting() -> None:
    live = launch.submit(config("patient")).folder
    until_started(live)
    waiting, next_one = launch.submit(config("quick")).folder, launch.submit(config("quick")).folder
    control.stop(waiting)
    until_over(waiting)
    assert kinds(waiting) == ["RunQueued", "RunFinished"]
    assert finish(waiting).state == "stopped"
    control.stop(live)
    until_over(next_one)
    assert finish(next_one).state == "completed"


def test_a_stop_line_alone_keeps_a_queued_run_from_starting() -> None:
    live = launch.submit(config("patient")).folder
    until_started(live)
    waiting = launch.submit(config("quick")).folder
    (waiting / CONTROL_FILE).write_text('{"kind":"stop asked"}\n')
    control.stop(live)
    until_over(waiting)
    assert kinds(waiting) == ["RunQueued", "RunFinished"]


def test_a_rate_goes_into_the_control_file() -> None:
    folder = launch.create(config("quick"))
    control.set_rate(folder, "head", 3e-4)
    assert open_control_log(folder).read() == [RateRequested("head", 3e-4)]
    for rate in (-1e-3, float("nan"), float("inf")):
        with pytest.raises(ValueError, match="rate of head must be a number of at least 0"):
            control.set_rate(folder, "head", rate)


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    for ask in (control.stop, lambda folder: control.set_rate(folder, "head", 0.1)):
        with pytest.raises(ValueError, match="there is no"):
            ask(tmp_path / "run-0009")


@pytest.mark.parametrize(("what", "text"), [("exits", "no space left for this"), ("segfaults", "fault")])
def test_a_process_that_dies_before_its_first_line_leaves_a_failed_run(
    what: str,
    text: str,
) -> None:
    folder = launch.submit(config(what)).folder
    until_over(folder)
    assert kinds(folder) == ["RunQueued", "RunFinished"]
    end = finish(folder)
    assert end.state == "failed"
    assert end.reason.startswith("The run's process ended before it could begin: ")
    assert text in end.details
    assert OUTPUT in end.hint


def test_a_missing_package_is_named() -> None:
    folder = launch.submit(config("imports")).folder
    until_over(folder)
    assert finish(folder).reason == "ModuleNotFoundError: No module named 'no_such_package'"
    assert "Traceback" in finish(folder).details


def test_code_that_cannot_be_imported_at_all_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "labkit").mkdir()
    (tmp_path / "labkit" / "__init__.py").write_text("raise ImportError('this checkout is broken')\n")
    monkeypatch.syspath_prepend(str(tmp_path))  # this process has labkit already, its child has not
    folder = launch.submit(config("quick")).folder
    until_over(folder)
    assert finish(folder).reason.endswith("ImportError: this checkout is broken")


def test_an_exception_that_the_recorder_lets_through_ends_the_run() -> None:
    folder = launch.submit(config("raises")).folder
    until_over(folder)
    until(lambda: finish(folder), "the end in the log")
    assert kinds(folder) == ["RunQueued", "RunStarted", "RunFinished"]
    assert finish(folder).reason == "ArithmeticError: the sum does not add up"


def test_a_full_disk_does_not_hide_why_a_run_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    folder = launch.create(config("raises"))
    append_event(folder, RunQueued(time.time()))
    (folder / OUTPUT).touch()

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(worker, "append_event", full)
    with pytest.raises(ArithmeticError), run_lock(folder):
        worker.train(str(folder))


def test_a_run_that_cannot_be_started_lets_the_next_one_pass(runs_folder: Path) -> None:
    live = launch.submit(config("patient")).folder
    until_started(live)
    broken, fine = launch.submit(config("quick")).folder, launch.submit(config("quick")).folder
    (broken / "config.json").write_text("{")
    control.stop(live)
    until_over(fine)
    assert finish(broken).state == "failed"
    assert finish(fine).state == "completed"


FULL = OSError(errno.ENOSPC, "No space left on device")


def full(*_: object, **__: object) -> None:
    raise FULL


@pytest.mark.parametrize("write_to", ["pathlib.Path.write_text", "labkit.events.LineWriter.write", "os.replace"])
def test_a_full_disk_leaves_no_half_made_run(write_to: str, runs_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(write_to, full)
        with pytest.raises(OSError, match="No space left"):
            launch.submit(config("quick"))
        if "LineWriter" not in write_to:
            with pytest.raises(OSError, match="No space left"):
                launch.create(config("quick"))
    assert list(runs_folder.glob("run-*")) == []
    assert launch.create(config("quick")).name == "run-0001"


def test_a_run_that_was_never_made_whole_is_neither_started_nor_in_the_way(runs_folder: Path) -> None:
    alone, halves = launch.create(config("quick")), [launch.create(config("quick")) for _ in range(2)]
    for folder in halves:  # killed before its settings were there, with and without a line
        (folder / "config.json").unlink()
    append_event(halves[0], RunQueued(time.time()))
    control.stop(halves[0])
    for folder in (alone, *halves):
        for path in (*folder.iterdir(), folder):
            os.utime(path, (time.time() - 3600,) * 2)
    assert launch.start_next(runs_folder) is None
    assert launch.cancel_queued(runs_folder) == 0
    store = RunStore(runs_folder)
    assert [run.state for run in store.runs()] == ["interrupted"] * 3
    for run in store.runs():
        store.delete(run, confirm=True)
    assert list(runs_folder.glob("run-*")) == []


@pytest.mark.parametrize("kill_after", ["mkdir", "RunQueued", "config"])
def test_wherever_submitting_is_killed_the_run_waits_or_can_be_deleted(kill_after: str, runs_folder: Path) -> None:
    program = f"""
        import labkit.jobs.launch as module
        def dying(*_):
            os._exit(9)
        after = {kill_after!r}
        if after == "mkdir":
            module.append_event = dying
        elif after == "RunQueued":
            module.current_folder = dying
        else:
            module.record_number = dying
        launch.submit(RunConfig(corpus="quick"))
    """
    assert elsewhere(program).wait(timeout=60) == 9
    folder = runs_folder / "run-0001"
    if kill_after == "config":
        assert read_queue_state(folder) == "queued"
        launch.start_next(runs_folder)
        until_over(folder)
        return
    os.utime(folder, (time.time() - 3600,) * 2)
    assert launch.start_next(runs_folder) is None
    store = RunStore(runs_folder)
    assert store.get(1).state == "interrupted"
    store.delete(store.get(1), confirm=True)


def test_a_run_whose_log_is_deleted_ends_and_the_queue_goes_on() -> None:
    first = launch.submit(config("patient")).folder
    until_started(first)
    second = launch.submit(config("quick")).folder
    (first / EVENTS_FILE).unlink()
    until_over(second)
    until(lambda: not has_process(first), "the end of the run without a log")
    assert not (first / EVENTS_FILE).exists()
    assert "is gone" in (first / OUTPUT).read_text()


@pytest.mark.parametrize("by", ["store", "hand", "queue"])
def test_no_number_is_given_twice_whatever_is_deleted(by: str, runs_folder: Path) -> None:
    live = launch.submit(config("patient")).folder
    until_started(live)
    waiting = launch.submit(config("quick")).folder
    if by == "store":
        store = RunStore(runs_folder)
        store.delete(store.get(2), confirm=True)
    elif by == "hand":
        shutil.rmtree(waiting)
    else:
        assert launch.cancel_queued(runs_folder) == 1
    control.stop(live)
    until_over(live)
    assert not waiting.exists()
    assert launch.create(config("quick")).name == "run-0003"


def test_the_number_of_a_run_from_elsewhere_is_not_given_again_either(runs_folder: Path) -> None:
    write_run(runs_folder, number=50)
    store = RunStore(runs_folder)
    store.delete(store.get(50), confirm=True)
    assert launch.create(config("quick")).name == "run-0051"


@pytest.mark.parametrize("content", [b"", b"\xff\0", b"7", b"7\n12", b"\n12\n1", b"9" * 300, None])
def test_a_damaged_list_of_numbers_stops_nobody(content: bytes | None, runs_folder: Path) -> None:
    write_run(runs_folder, number=20, state="interrupted")
    if content is None:
        (runs_folder / ".numbers").mkdir()
    else:
        (runs_folder / ".numbers").write_bytes(content)
    assert [launch.create(config("quick")).name for _ in range(2)] == ["run-0021", "run-0022"]


def test_what_is_no_run_cannot_be_asked_anything(tmp_path: Path) -> None:
    encoder = tmp_path / "encoder"
    encoder.mkdir()
    (encoder / "config.json").write_text('{"model_type": "bert"}')
    for ask in (control.stop, lambda folder: control.set_rate(folder, "head", 1e-3)):
        with pytest.raises(ValueError, match="there is no run in"):
            ask(encoder)
    assert [path.name for path in encoder.iterdir()] == ["config.json"]


def test_damaged_runs_do_not_hold_the_queue(runs_folder: Path) -> None:
    for state, name in (("completed", "events.jsonl"), ("queued", "config.json"), ("queued", "events.jsonl")):
        for way in damage.WAYS if state == "completed" else damage.UNREADABLE:
            damage.damaged(write_run(runs_folder, config("quick"), 5, state), name, way)
    waiting = launch.submit(config("quick")).folder
    until_over(waiting)
    assert finish(waiting).state == "completed"


def test_a_run_whose_process_was_killed_before_its_first_line_has_failed() -> None:
    lost = launch.create(config("quick"))
    append_event(lost, RunQueued(time.time()))
    with run_lock(lost):
        (lost / OUTPUT).write_text("Killed\n")
        assert read_queue_state(lost) == "starting"
        assert queue.claim_next(str(lost.parent)) is None, "it is about to begin"
        assert read_queue_state(lost) == "starting"
    following = launch.submit(config("quick")).folder
    until_over(following)
    assert finish(lost).reason.endswith("Killed")
    assert finish(following).state == "completed"


def test_threads_files_and_children_are_back_after_twenty_starts() -> None:
    def submit() -> None:
        until_over(launch.submit(config("quick")).folder)
        until(lambda: "labkit-queue" not in [thread.name for thread in threading.enumerate()], "end of the thread")

    submit()
    gc.collect()
    this = psutil.Process()
    before = this.num_threads(), this.num_fds() if os.name == "posix" else this.num_handles(), this.children()
    for _ in range(20):
        submit()
    gc.collect()
    assert (this.num_threads(), this.num_fds() if os.name == "posix" else this.num_handles(), this.children()) == before


def test_predict_brings_the_answer_back(runs_folder: Path) -> None:
    folder = launch.create(config("quick"))
    found = launch.predict(folder, "Grüße aus <Oslo>")
    assert found["words"] == ["Grüße", "aus", "<Oslo>"]
    assert found["folder"] == folder.name
    assert found["pid"] != os.getpid()
    assert found["note"].template == "on {device}"


def test_predict_tells_what_went_wrong() -> None:
    folder = launch.create(config("quick"))
    with pytest.raises(ValueError, match=r"^the run has no weights$") as found:
        launch.predict(folder, "value error")
    assert message_of(found.value).template == "the run has no {what}"
    with pytest.raises(RuntimeError, match="weights"):
        launch.predict(folder, "other error")
    with pytest.raises(RuntimeError, match="not JSON serializable"):
        launch.predict(folder, "not json")
    with pytest.raises(RuntimeError, match="ended before it could answer"):
        launch.predict(folder, "die")


def test_predict_gives_up_in_time_and_leaves_no_process() -> None:
    folder = launch.create(config("quick"))
    launch.predict(folder, "warm up")
    with pytest.raises(TimeoutError, match="no answer within 1 s"):
        launch.predict(folder, "sleep", timeout_s=1)
    pid = int((folder / "asleep").read_text())
    until(lambda: not psutil.pid_exists(pid), "the end of its process")


def test_predict_of_no_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="there is no"):
        launch.predict(tmp_path / "run-0001", "text")


def test_launch_leaves_torch_alone() -> None:
    program = "import sys; from labkit.jobs import launch; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], cwd=ROOT).returncode == 0


def test_a_real_run_trains_in_a_child_of_the_real_server(
    tiny_encoder: Path, tiny_corpus: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("LABKIT_PRELOAD", "LABKIT_RECORDER", "LABKIT_PREDICTOR"):
        monkeypatch.delenv(name)
    real = RunConfig(corpus=str(tiny_corpus), encoder=str(tiny_encoder), epochs=1, device="cpu", lstm_size=8)
    folder = launch.submit(real).folder
    until(lambda: read_queue_state(folder) == "ended", "the end", timeout_s=120)
    assert finish(folder).state == "completed", finish(folder)
    assert launch.predict(folder, "anna lives in berlin .")["words"] == ["anna", "lives", "in", "berlin", "."]
    assert (fork_client.server_folder() / "log").read_text() == "", "something of the preload could not be imported"
