"""A real JupyterLab and a real browser, driven as a person would."""

import ast
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

TOKEN = "browser-test"
PATIENCE_MS = 90_000  # for what takes seconds on a machine that has nothing else to do
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
FLAGS += ["--disable-component-update", "--disable-sync", "--force-device-scale-factor=1"]


def find_chromium() -> str | None:
    """The system's chromium, or what LABKIT_CHROMIUM names."""
    named = os.environ.get("LABKIT_CHROMIUM")
    return named or next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


@contextmanager
def jupyterlab(notebooks: Path, home: Path, environment: dict[str, str], theme: str = "light") -> Iterator[str]:
    """A JupyterLab on a folder of notebooks, all its own files in `home`; yields its address."""
    port = _free_port()
    settings = home / "settings"
    notices = settings / "@jupyterlab" / "apputils-extension"
    notices.mkdir(parents=True, exist_ok=True)
    (notices / "notification.jupyterlab-settings").write_text(json.dumps({"fetchNews": "false"}))
    name = "JupyterLab Dark" if theme == "dark" else "JupyterLab Light"
    (notices / "themes.jupyterlab-settings").write_text(json.dumps({"theme": name}))
    folders = {f"JUPYTER_{kind.upper()}_DIR": str(home / kind) for kind in ("config", "data", "runtime")}
    folders |= {"JUPYTERLAB_SETTINGS_DIR": str(settings), "JUPYTERLAB_WORKSPACES_DIR": str(home / "workspaces")}
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--ServerApp.ip=127.0.0.1", "--allow-root"]
    command += [f"--ServerApp.port={port}", "--ServerApp.port_retries=0", f"--IdentityProvider.token={TOKEN}"]
    command += ["--expose-app-in-browser", f"--ServerApp.root_dir={notebooks}"]
    with open(home / "jupyterlab.log", "wb") as log:
        process = subprocess.Popen(
            command, env={**os.environ, **folders, **environment}, stdout=log, stderr=log, start_new_session=True
        )
    address = f"http://127.0.0.1:{port}"
    try:
        _wait_for(f"{address}/api/status?token={TOKEN}", process, home / "jupyterlab.log")
        yield address
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(timeout=15)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)


class Notebook:
    """One notebook, open in a page."""

    def __init__(self, page: Any, address: str, path: str):
        self.page = page
        page.goto(f"{address}/lab/tree/{path}?reset&token={TOKEN}")
        self.until_ready()

    def until_ready(self) -> None:
        """The kernel's indicator alone says idle too early."""
        self.page.wait_for_selector(".jp-Notebook", timeout=PATIENCE_MS)
        self.page.wait_for_function(
            "window.jupyterapp && jupyterapp.shell.currentWidget?.sessionContext", timeout=PATIENCE_MS
        )
        self.page.evaluate(
            "async () => { const context = jupyterapp.shell.currentWidget.sessionContext;"
            " await context.ready; await context.session.kernel.info; }"
        )
        self.page.wait_for_selector(".jp-Notebook-ExecutionIndicator[data-status=idle]", timeout=PATIENCE_MS)

    def run_cell(self, index: int, wait: bool = True) -> None:
        """Runs a cell, and waits until it has ended well unless told not to."""
        script = (
            "async ([index, wait]) => { const panel = jupyterapp.shell.currentWidget;"
            " panel.content.activeCellIndex = index; panel.content.deselectAll();"
            " const done = jupyterapp.commands.execute('notebook:run-cell'); return wait ? await done : true; }"
        )
        assert self.page.evaluate(script, [index, wait]) is True, f"the cell has failed: {self.account(index)}"

    def is_running(self, index: int) -> bool:
        """Whether a cell has begun and not ended."""
        prompt: str = self.page.evaluate(
            "index => jupyterapp.shell.currentWidget.content.widgets[index].promptNode.textContent", index
        )
        return "*" in prompt

    def account(self, index: int) -> str:
        """All that can be told of a cell that did not show what it should."""
        script = (
            "index => { const panel = jupyterapp.shell.currentWidget, cell = panel.content.widgets[index];"
            " return { notebook: panel.context.path, kernel: panel.sessionContext.kernelDisplayStatus,"
            " prompt: cell.promptNode.textContent, outputs: cell.model.outputs.toJSON(),"
            " shown: cell.outputArea.node.outerHTML.slice(0, 3000) }; }"
        )
        return f"{json.dumps(self.page.evaluate(script, index))[:6000]}; the page: {getattr(self.page, 'problems', [])}"

    def interrupt(self) -> None:
        self.page.evaluate("jupyterapp.shell.currentWidget.sessionContext.session.kernel.interrupt()")

    def execute(self, code: str) -> None:
        """Runs code in the kernel without a cell. Raises AssertionError with the kernel's words if it fails."""
        self._request(code, {})

    def ask(self, expression: str) -> Any:
        """The value of a Python expression in the kernel, of plain literals."""
        return ast.literal_eval(self._request("", {"value": expression})["value"]["data"]["text/plain"])

    def _request(self, code: str, expressions: dict[str, str]) -> Any:
        for _ in range(50):
            content = self.page.evaluate(
                "async content => (await jupyterapp.shell.currentWidget.sessionContext.session.kernel"
                ".requestExecute(content).done).content",
                {"code": code, "silent": True, "store_history": False, "user_expressions": expressions},
            )
            if content["status"] != "aborted":  # as what waits is, for a moment after a cell was interrupted
                break
            time.sleep(0.1)
        answers = content.get("user_expressions", {})
        for answer in (content, *answers.values()):
            assert answer["status"] == "ok", f"{answer.get('ename')}: {answer.get('evalue')}"
        return answers

    def save(self) -> None:
        self.page.evaluate("jupyterapp.commands.execute('docmanager:save')")

    def reload(self) -> None:
        """Loads the page again, and waits until notebook and kernel are there."""
        self.page.reload()
        self.until_ready()

    def restart_kernel(self) -> None:
        self.page.evaluate("jupyterapp.shell.currentWidget.sessionContext.session.kernel.restart()")
        self.until_ready()

    def set_theme(self, name: str) -> None:
        """`light` or `dark`, as from JupyterLab's menu."""
        theme = {"light": "JupyterLab Light", "dark": "JupyterLab Dark"}[name]
        self.page.evaluate("theme => jupyterapp.commands.execute('apputils:change-theme', { theme })", theme)
        is_light = "true" if name == "light" else "false"
        self.page.wait_for_selector(f"body[data-jp-theme-light={is_light}]", state="attached", timeout=PATIENCE_MS)

    def slide(self, field: str, presses: int) -> None:
        """Moves a slider by the keyboard: to the right, or to the left where `presses` is negative."""
        handle = self.page.locator(f".labkit-{field} .noUi-handle").first
        handle.focus()
        for _ in range(abs(presses)):
            self.page.keyboard.press("ArrowRight" if presses > 0 else "ArrowLeft")

    def enter(self, field: str, text: str) -> None:
        """Types an exact value and presses Enter."""
        box = self.exact(field)
        box.click()
        box.fill(text)
        box.press("Enter")

    def exact(self, field: str) -> Any:
        """The box beside a slider, or under a menu, in which an exact value is typed."""
        return self.page.locator(f"input.labkit-{field}-exact, .labkit-{field}-exact input").first


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _wait_for(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if process.poll() is not None:
            break
        try:
            urllib.request.urlopen(url, timeout=2)
            return
        except OSError:
            time.sleep(0.1)
    raise RuntimeError(f"JupyterLab did not come up: {log.read_text()[-2000:]}")
