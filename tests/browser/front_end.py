"""Notebooks in a real browser, in JupyterLab or in the classic Notebook, used as a person would use
them.
"""

import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat

SCREENSHOTS = Path(__file__).parent / "screenshots"
PATIENCE = 180  # seconds; other work on the same machine may slow everything down
# What front ends say in their console, whatever the notebook does.
NOISE = (
    "favicon",
    "Failed to load resource",
    "WebSocket",
    "ResizeObserver",
    "plugin URL",
    "shared module",
)
# The classic Notebook's own page stumbles over a banner that is not there.
NOISE += ("Cannot read properties of null (reading 'addEventListener')",)
# After a reload it hears of widgets that it has not asked for yet, from a training that goes on;
# then it asks.
NOISE_AFTER_RELOAD = ("Comm promise not found",)
# JupyterLab's own: no question whether one wants news (it lies over the page), and all cells drawn
# at once.
LAB_SETTINGS = {
    "apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False},
    "notebook-extension/tracker": {"windowingMode": "none"},
}
FLAGS = (
    *(
        "--headless",
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
    ),
    *("--disable-component-update", "--disable-sync"),
)
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
THUMB = ".noUi-handle, .ui-slider-handle"  # of a slider, in ipywidgets 8 and 7

# A front end may hear of a kernel's outputs only some time after it is connected: knock until it
# answers.
_LAB_READY = """async () => {
    const kernel = window.jupyterapp?.shell?.currentWidget?.sessionContext?.session?.kernel;
    if (kernel?.connectionStatus !== "connected") return false;
    const heard = kernel.requestExecute({code: "", silent: true}).done.then(() => true);
    return await Promise.race([heard, new Promise(ok => setTimeout(() => ok(false), 500))]);
}"""
_CLASSIC_READY = """async () => {
    const kernel = window.Jupyter?.notebook?._fully_loaded && Jupyter.notebook.kernel;
    if (!kernel?.is_connected?.()) return false;
    const heard = new Promise(ok => kernel.execute(
        "print()", {iopub: {output: () => ok(true)}}, {silent: false, store_history: false}));
    return await Promise.race([heard, new Promise(ok => setTimeout(() => ok(false), 500))]);
}"""


@dataclass(frozen=True)
class Kind:
    """What one front end does in its own way: its server's command, and JavaScript for its pages."""

    name: str
    server: tuple[str, ...]
    address: str  # of a notebook
    ready: str  # whether the notebook is there and its kernel can be heard
    run: str  # all cells
    save: str
    contents: str  # the notebook as it would be saved
    ask: str  # code -> the answer of a kernel to a user expression
    busy: str  # how the prompt of a cell looks that still runs


LAB = Kind(
    name="lab",
    server=("jupyterlab", "ServerApp", "root_dir", "--LabApp.expose_app_in_browser=True"),
    address="doc/tree/{name}.ipynb",
    ready=_LAB_READY,
    run="() => { jupyterapp.commands.execute('notebook:run-all-cells'); }",
    save="() => jupyterapp.commands.execute('docmanager:save')",
    contents="() => jupyterapp.shell.currentWidget.content.model.toJSON()",
    ask="""code => jupyterapp.shell.currentWidget.sessionContext.session.kernel.requestExecute(
        {code: '', user_expressions: {x: code}}).done.then(reply => reply.content.user_expressions.x)""",
    busy=".jp-InputPrompt:has-text('[*]')",
)
CLASSIC = Kind(
    name="classic",
    server=("notebook", "NotebookApp", "notebook_dir", "--NotebookApp.show_banner=False"),
    address="notebooks/{name}.ipynb",
    ready=_CLASSIC_READY,
    run="() => { Jupyter.notebook.execute_all_cells(); }",
    save="() => Jupyter.notebook.save_notebook()",
    contents="() => Jupyter.notebook.toJSON()",
    ask="""code => new Promise(ok => Jupyter.notebook.kernel.execute(
        '', {shell: {reply: reply => ok(reply.content.user_expressions.x)}},
        {silent: false, user_expressions: {x: code}}))""",
    busy=".input_prompt:has-text('[*]')",
)


class DashboardPage:
    """A page with dashboards. `handle` is a CSS class that a dashboard gave to a widget, or any CSS
    selector.

    Attributes:
        page: Playwright's page, for what has no method here (mouse, measurements).
        said: what went wrong in the page so far: JavaScript errors.
    """

    def __init__(self, browser: Any, prefix: str):
        self.prefix = prefix
        self.page = browser.new_page(viewport={"width": 1280, "height": 1400})
        self.page.set_default_timeout(1000 * PATIENCE)
        self.said: list[str] = []
        self._noise = NOISE
        self.page.on("pageerror", lambda error: self._handle_event(f"JavaScript: {error}"))
        self.page.on(
            "console",
            lambda message: (
                message.type == "error" and self._handle_event(f"Console: {message.text}")
            ),
        )

    def _handle_event(self, text: str) -> None:
        if not any(noise in text for noise in self._noise):
            self.said.append(text)

    def find(self, handle: str):
        """Playwright's locator of the first widget with this handle; any CSS selector will do."""
        selector = f".{handle}" if handle.startswith("ok-") else handle
        found = self.page.locator(selector).first
        found.wait_for(state="visible")
        return found

    def text(self, handle: str) -> str:
        """What stands in a widget."""
        return self.find(handle).inner_text()

    def wait_for_text(self, handle: str, text: str, seconds: float = PATIENCE) -> None:
        """Waits until a widget shows this text."""
        self.find(handle).filter(has_text=text).wait_for(timeout=1000 * seconds)

    def click(self, handle: str) -> None:
        """Clicks on a button, or on anything else."""
        self.find(handle).click()

    def press(self, handle: str, key: str, times: int = 1, thumb: int = 0) -> None:
        """Presses a key on a widget: `ArrowRight` on a slider's thumb, `Enter` on a button."""
        widget = self.find(handle)
        thumbs = widget.locator(THUMB)
        focus = thumbs.nth(thumb) if thumbs.count() else self._field(widget)
        focus.focus()
        for _ in range(times):
            self.page.keyboard.press(key)

    def type(self, handle: str, text: str) -> None:
        """Types into a text or number field, or into the number beside a slider, and presses Enter."""
        widget = self.find(handle)
        readout = widget.locator(".widget-readout[contenteditable]")
        field = readout.first if readout.count() else self._field(widget)
        field.click()
        self.page.keyboard.press("ControlOrMeta+A")
        self.page.keyboard.type(text)
        if field.evaluate("each => each.tagName") == "TEXTAREA":
            field.blur()
        else:
            self.page.keyboard.press("Enter")

    def choose(self, handle: str, *labels: str) -> None:
        """Chooses in a dropdown or list by what is written there."""
        self._field(self.find(handle)).select_option(label=list(labels))

    def tick(self, handle: str, on: bool = True) -> None:
        """Ticks a checkbox, or takes the tick away."""
        self.find(handle).locator("input").set_checked(on)

    def toggle(self, handle: str, label: str) -> None:
        """Clicks on one of several toggle or radio buttons."""
        self.find(handle).locator("button, label").filter(has_text=label).first.click()

    def _field(self, widget):
        """What takes the keyboard inside a widget, or the widget itself."""
        inside = widget.locator("input:not([type=hidden]), textarea, select, button, [tabindex]")
        return inside.first if inside.count() else widget

    def screenshot(self, name: str, handle: str | None = None) -> Path:
        """Saves the page, or one widget, as `screenshots/<front end or app>_<name>.png`."""
        path = SCREENSHOTS / f"{self.prefix}_{name}.png"
        path.parent.mkdir(exist_ok=True)
        (self.find(handle) if handle else self.page).screenshot(path=path)
        return path


class NotebookPage(DashboardPage):
    """A notebook that is open in a front end."""

    def __init__(self, front_end: "FrontEnd", name: str):
        super().__init__(front_end.browser, front_end.name)
        self.front_end, self.kind, self.name = front_end, front_end.kind, name

    def visit(self) -> None:
        """Loads the page and waits until the notebook is there and its kernel answers."""
        self.page.goto(self.front_end.url + self.kind.address.format(name=self.name))
        until = time.monotonic() + PATIENCE
        while not self.page.evaluate(self.kind.ready):
            if time.monotonic() > until:
                raise TimeoutError(
                    f"{self.kind.name} did not open {self.name}.ipynb within {PATIENCE} s."
                )
            self.page.wait_for_timeout(100)

    def run(self) -> None:
        """Runs all cells, and does not wait for them."""
        self.page.evaluate(self.kind.run)

    def wait_until_run(self, seconds: float = PATIENCE) -> None:
        """Waits until no cell is running or waiting for its turn."""
        self.page.wait_for_timeout(200)
        self.page.wait_for_function(
            "busy => ![...document.querySelectorAll(busy)].some(each => each.innerText.includes('[*]'))",
            arg=self.kind.busy.partition(":")[0],
            timeout=1000 * seconds,
        )

    def reload(self) -> None:
        """Saves the notebook and loads the page again; the kernel goes on meanwhile."""
        self._noise = NOISE + NOISE_AFTER_RELOAD
        self.page.evaluate(self.kind.save)
        self.page.wait_for_timeout(500)
        self.visit()

    def set_theme(self, name: str) -> None:
        """ "Light" or "Dark"; the classic Notebook has but one."""
        if self.kind is LAB:
            choose = f"jupyterapp.commands.execute('apputils:change-theme', {{theme: 'JupyterLab {name}'}})"
            self.page.evaluate(choose)

    def ask(self, expression: str) -> Any:
        """The value of a Python expression in the kernel, as JSON knows it. The kernel must be free
        to answer.
        """
        answer = self.page.evaluate(self.kind.ask, f"__import__('json').dumps({expression})")
        if answer["status"] != "ok":
            raise AssertionError(f"{expression}: {answer['ename']}: {answer['evalue']}")
        return json.loads(eval(answer["data"]["text/plain"], {}))

    def wait_for(self, expression: str, value: Any, seconds: float = PATIENCE) -> None:
        """Waits until a Python expression in the kernel has this value."""
        until = time.monotonic() + seconds
        while (found := self.ask(expression)) != value:
            if time.monotonic() > until:
                raise AssertionError(f"{expression} is {found!r} after {seconds} s, not {value!r}")
            self.page.wait_for_timeout(50)

    def errors(self) -> list[str]:
        """JavaScript errors, and errors and tracebacks in the outputs of cells."""
        outputs = [
            output
            for cell in self.page.evaluate(self.kind.contents)["cells"]
            if cell["cell_type"] == "code"
            for output in cell["outputs"]
        ]
        wrong = [
            f"{each['ename']}: {each['evalue']}"
            for each in outputs
            if each["output_type"] == "error"
        ]
        printed = ["".join(each["text"]) for each in outputs if each.get("name") == "stderr"]
        return self.said + wrong + [text for text in printed if "Traceback" in text]


class FrontEnd:
    """A Jupyter server, and the browser that its notebooks are opened in."""

    def __init__(self, kind: Kind, url: str, root: Path, browser):
        self.kind, self.name, self.url, self.root, self.browser = (
            kind,
            kind.name,
            url,
            root,
            browser,
        )
        self.pages: list[NotebookPage] = []

    @contextlib.contextmanager
    def open(self, *cells: str, name: str, run: bool = True) -> Iterator[NotebookPage]:
        """Writes a notebook with these code cells, opens it, runs it, and ends its kernel
        afterwards.
        """
        write_notebook(self.root / f"{name}.ipynb", cells)
        page = NotebookPage(self, name)
        self.pages.append(page)
        try:
            page.visit()
            if run:
                page.run()
            yield page
        finally:
            self.pages.remove(page)
            page.page.close()
            self.end_kernels()

    def errors(self) -> list[str]:
        """What went wrong in the pages that are open."""
        return [error for page in self.pages for error in page.errors()]

    def end_kernels(self) -> None:
        """Ends the kernels of notebooks that no page shows any more."""
        shown = {f"{page.name}.ipynb" for page in self.pages}
        for session in json.loads(_request("GET", f"{self.url}api/sessions")):
            if session["path"] not in shown:
                _request("DELETE", f"{self.url}api/sessions/{session['id']}")


def write_notebook(path: Path, cells: Sequence[str]) -> None:
    """Writes a notebook of code cells."""
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    notebook = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell(cell) for cell in cells], metadata={"kernelspec": kernel}
    )
    nbformat.write(notebook, path)


def find_browser() -> str | None:
    """The program that the variable CHROMIUM names, or one that is installed."""
    return os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, BROWSERS)), None)


@contextlib.contextmanager
def start_browser(program: str) -> Iterator[Any]:
    """Headless Chromium, until the block ends. While Playwright runs, nothing else can use asyncio."""
    from playwright.sync_api import sync_playwright

    as_root = hasattr(os, "geteuid") and os.geteuid() == 0
    flags = [*FLAGS, *["--no-sandbox"] * as_root]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=program, args=flags, timeout=1000 * PATIENCE
        )
        yield browser
        browser.close()


@contextlib.contextmanager
def serve(command: Sequence[str], url: str, folder: Path) -> Iterator[None]:
    """Runs a server with settings of its own in `folder` until the block ends; it answers at `url`."""
    settings = {
        name: str(folder / name)
        for name in ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR")
    }
    environment = (
        os.environ | settings | {"IPYTHONDIR": str(folder / "ipython"), "TF_CPP_MIN_LOG_LEVEL": "3"}
    )
    _write_lab_settings(folder / "JUPYTER_CONFIG_DIR")
    log = folder / "server.log"
    with log.open("wb") as output:
        server = subprocess.Popen(
            [sys.executable, "-m", *command],
            cwd=folder,
            env=environment,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        _wait_for_answer(server, url, log)
        yield
    finally:
        server.terminate()
        server.wait(timeout=30)


def start_front_end(kind: Kind, folder: Path) -> tuple[list[str], str, Path]:
    """The command of a front end's server, its address, and the folder of its notebooks."""
    module, app, root_option, *more = kind.server
    root, port = folder / "notebooks", find_free_port()
    root.mkdir()
    options = {
        "token": "",
        "password": "",
        "disable_check_xsrf": True,
        "port": port,
        root_option: root,
    }
    settings = [f"--{app}.{name}={value}" for name, value in options.items()]
    return (
        [module, "--no-browser", "--allow-root", *settings, *more],
        f"http://localhost:{port}/",
        root,
    )


def find_free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as free:
        free.bind(("localhost", 0))
        return free.getsockname()[1]


def _write_lab_settings(folder: Path) -> None:
    for name, settings in LAB_SETTINGS.items():
        path = folder / "lab" / "user-settings" / "@jupyterlab" / f"{name}.jupyterlab-settings"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(settings), encoding="utf-8")


def _request(method: str, url: str) -> bytes:
    with urllib.request.urlopen(urllib.request.Request(url, method=method), timeout=60) as answer:
        return answer.read()


def _wait_for_answer(server: subprocess.Popen, url: str, log: Path) -> None:
    until = time.monotonic() + PATIENCE
    while server.poll() is None and time.monotonic() < until:
        with contextlib.suppress(urllib.error.URLError, ConnectionError, TimeoutError):
            _request("GET", url)
            return
        time.sleep(0.2)
    raise RuntimeError(f"The server did not start:\n{log.read_text(errors='replace')[-2000:]}")
