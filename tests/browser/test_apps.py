"""Each dashboard as a page without code, served by Voila."""

import importlib.util
import re
from pathlib import Path

import pytest

from browser.front_end import DashboardPage, find_free_port, serve

APPS = Path(__file__).parents[2] / "apps"


@pytest.fixture(scope="module")
def apps(browser, tmp_path_factory, request):
    if importlib.util.find_spec("voila") is None:
        pytest.skip("Voila is not installed here.")
    port = find_free_port()
    url = f"http://localhost:{port}/"
    options = ["--no-browser", "--classic-tree", "--template=organoid_kit", f"--port={port}"]
    command = ["voila", str(APPS), *options]
    monkeypatch = pytest.MonkeyPatch()
    request.addfinalizer(monkeypatch.undo)
    monkeypatch.setenv("JUPYTER_PATH", str(APPS / "start_page"))  # as in the Makefile
    with serve(command, url, tmp_path_factory.mktemp("voila")):
        yield url


def test_view_opens_the_stack_browser_for_who_has_the_token(browser, tmp_path):
    if importlib.util.find_spec("voila") is None:
        pytest.skip("Voila is not installed here.")
    samples, port = APPS.parent / "data_samples", find_free_port()
    files = [str(samples / f"organoid_d.{end}") for end in ("ome.tif", "aut")]
    command = ["organoid_kit", "view", *files, "--no-browser", f"--port={port}"]
    with serve(command, f"http://127.0.0.1:{port}/login", tmp_path):
        page = DashboardPage(browser, "view")
        page.page.goto(f"http://127.0.0.1:{port}/")
        assert "/login" in page.page.url
        said = (tmp_path / "server.log").read_text("utf-8")
        page.page.goto(re.search(r"http://127.0.0.1:\S+token=\w+", said).group())
        page.find(".ok-stack-canvas canvas[data-drawn]")
        page.screenshot("stack_browser")
        assert page.said == [], "\n".join(page.said)


def test_an_app_is_chosen_and_works(browser, apps):
    page = DashboardPage(browser, "app")
    page.page.goto(apps)
    page.find("text=Class board")
    cards = page.page.locator("a:has(img)")
    assert cards.count() == len(list(APPS.glob("*.ipynb"))) - 1  # but the page itself
    assert all(
        cards.evaluate_all("all => all.map(each => each.querySelector('img').naturalWidth > 0)")
    )
    page.screenshot("start")
    with page.page.context.expect_page() as opened:
        page.page.get_by_text("Class board").click()
    page.page = opened.value
    page.type("ok-name", "Ada")
    page.type("ok-guess", "4")
    page.click("ok-register")
    page.wait_for_text("ok-messages:has-text('Registered')", "Registered: 4.")
    page.screenshot("class_board")
    assert page.said == [], "\n".join(page.said)
    assert page.page.get_by_text("import").count() == 0
