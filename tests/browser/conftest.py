"""Fixtures for tests in a real browser. What they give, in short (front_end.py has the whole):

    @pytest.fixture(scope="module")
    def page(front_end):                          # one kernel and one page for all tests of a module, in each front end
        with front_end.open("import ...", "dashboard = ...\\ndashboard", name="my_dashboard") as page:
            page.find("ok-time-point")            # waits until the widget with this CSS class is there
            yield page

    def test_slider(page):
        page.press("ok-time-point", "ArrowRight", times=3)      # keyboard, on a slider's thumb (thumb=1: the second)
        page.type("ok-time-point", "7")                         # into a field, or the number beside a slider
        page.click("ok-start")                                  # also: choose(handle, label), tick, toggle
        page.wait_for_text("ok-messages", "ready")              # also: text(handle)
        page.wait_for("dashboard.time_point.value", 7)          # a Python expression in the kernel; also: ask
        page.page.mouse.move(10, 10)                            # Playwright's own page, for everything else
        page.screenshot("my_dashboard", "ok-dashboard")         # screenshots/lab_my_dashboard.png

After each test the page must be free of JavaScript errors, and its cells of Python errors. Tests that make an error
on purpose empty `page.said`. `page.reload()` is what a reader does who closes the page and comes back;
`page.wait_until_run()` waits for the cells. `front_end.name` is "lab" or "classic".
Every test in this folder has the marker `browser` and is skipped, saying why, where something is missing.
"""

import importlib.util
from importlib.metadata import version
from pathlib import Path

import pytest

from browser.front_end import (
    CLASSIC,
    LAB,
    FrontEnd,
    find_browser,
    serve,
    start_browser,
    start_front_end,
)


def pytest_collection_modifyitems(items):
    """Every test in this folder is one in a browser."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker("browser")


def why_not(kind) -> str | None:
    """What is missing here for this front end."""
    widgets = int(version("ipywidgets").split(".")[0])
    if kind is LAB and (importlib.util.find_spec("jupyterlab") is None or widgets < 8):
        return "JupyterLab with ipywidgets 8 is not installed here."
    has_classic = importlib.util.find_spec("notebook") is not None and version(
        "notebook"
    ).startswith("6.")
    if kind is CLASSIC and (not has_classic or widgets != 7):
        return "The classic Notebook (notebook 6) with ipywidgets 7 is not installed here."
    return None


@pytest.fixture(scope="package")
def browser():
    """Headless Chromium, which ends with this package."""
    pytest.importorskip("playwright", reason="Playwright is not installed here.")
    program = find_browser()
    if program is None:
        pytest.skip("No Chromium here. Install it, or name it in the variable CHROMIUM.")
    with start_browser(program) as chromium:
        yield chromium


@pytest.fixture(scope="package", params=[LAB, CLASSIC], ids=lambda kind: kind.name)
def front_end(request, tmp_path_factory):
    """A Jupyter server of each kind that is installed here: `FrontEnd`."""
    if reason := why_not(request.param):
        pytest.skip(reason)
    browser = request.getfixturevalue("browser")
    folder = tmp_path_factory.mktemp(request.param.name)
    command, url, root = start_front_end(request.param, folder)
    with serve(command, url, folder):
        yield FrontEnd(request.param, url, root, browser)


@pytest.fixture(autouse=True)
def no_errors(request):
    """Fails a test after which a page shows an error."""
    front_end = (
        request.getfixturevalue("front_end") if "front_end" in request.fixturenames else None
    )
    yield
    wrong = front_end.errors() if front_end else []
    assert not wrong, "\n".join(wrong)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item):
    """Keeps a picture of each open page where a test failed."""
    report = yield
    front_end = getattr(item, "funcargs", {}).get("front_end")
    if report.failed and front_end is not None:
        for page in front_end.pages:
            page.screenshot(f"failed_{item.name.partition('[')[0]}")
    return report
