"""Each dashboard as a page without code, served by Voila."""

import importlib.util
from pathlib import Path

import pytest

from browser.front_end import DashboardPage, find_free_port, serve

APPS = Path(__file__).parents[2] / "apps"


@pytest.fixture(scope="module")
def apps(browser, tmp_path_factory):
    if importlib.util.find_spec("voila") is None:
        pytest.skip("Voila is not installed here.")
    port = find_free_port()
    url = f"http://localhost:{port}/"
    command = ["voila", str(APPS), "--no-browser", "--classic-tree", f"--port={port}"]
    with serve(command, url, tmp_path_factory.mktemp("voila")):
        yield url


def test_an_app_is_chosen_and_works(browser, apps):
    page = DashboardPage(browser, "app")
    page.page.goto(apps)
    page.find("text=class_board.ipynb")
    page.page.goto(f"{apps}voila/render/class_board.ipynb")
    page.type("ok-name", "Ada")
    page.type("ok-guess", "4")
    page.click("ok-register")
    page.wait_for_text("ok-messages:has-text('Registered')", "Registered: 4.")
    page.screenshot("class_board")
    assert page.said == [], "\n".join(page.said)
    assert page.page.get_by_text("import").count() == 0
