"""An exported network in a browser: the short form of benchmarks/in_the_browser.py."""

import shutil
import sys
from pathlib import Path

import pytest

from browser.front_end import find_browser

pytest.importorskip("bioimageio.spec", reason="bioimageio.spec, of an extra, is not installed")
pytest.importorskip("tf2onnx", reason="tf2onnx, of an extra, is not installed")
pytest.importorskip("playwright", reason="Playwright is not installed")
sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))

import in_the_browser


@pytest.mark.slow
@pytest.mark.skipif(find_browser() is None, reason="There is no Chromium here.")
@pytest.mark.skipif(shutil.which("npm") is None, reason="There is no npm here.")
def test_a_link_network_answers_in_a_browser_as_in_keras(tmp_path):
    if in_the_browser.install_runtime(tmp_path, "--offline"):
        advice = "run benchmarks/in_the_browser.py once, which fetches it."
        pytest.skip(f"npm has no {in_the_browser.RUNTIME} in its cache: {advice}")
    folder = tmp_path / "link"
    in_the_browser.export("link_small", folder, "bioimageio", author="nobody", license="CC0-1.0")
    with in_the_browser.open_page(tmp_path) as page:
        change = in_the_browser.compare(page, tmp_path, "link")
    assert change < in_the_browser.LARGEST_CHANGE
