"""The page on which the shipped networks live: they answer as Keras does, from the disk and without a
network, to mouse and keyboard, and say in words what is seen.
"""

import sys
from pathlib import Path

import numpy as np
import pytest

from organoid_kit.evaluation import find_peaks

ALIVE = Path(__file__).parents[2] / "docs" / "site" / "alive"
SPACING_UM = (2.0, 1.0, 1.0)
PATIENCE = 180_000  # ms; the machine may be busy
sys.path.append(str(ALIVE))


@pytest.fixture
def bare(browser):
    """An empty page that knows the functions of scene.js."""
    page = browser.new_page()
    page.add_script_tag(path=ALIVE / "scene.js")
    yield page
    page.close()


def find_on_page(page, heat, threshold, least_um):
    call = "([heat, shape, t, um]) => findPeaks(Float32Array.from(heat), shape, t, um)"
    found = page.evaluate(call, [heat.ravel().tolist(), list(heat.shape), threshold, least_um])
    return (
        np.array([each["position"] for each in found]).reshape(-1, 3),
        np.array([each["height"] for each in found]),
    )


@pytest.mark.parametrize("seed", range(4))
def test_peaks_are_those_of_the_kit(bare, seed):
    from scipy.ndimage import gaussian_filter

    heat = gaussian_filter(np.random.default_rng(seed).random((9, 20, 17)), 1.2).astype(np.float32)
    heat = (heat - heat.min()) / np.ptp(heat)
    heat[3, 4:6, 4:7] = heat[0, 0, 0] = 1  # a plateau, and a corner
    wanted = find_peaks(heat, SPACING_UM, 3.0, 0.4)
    found = find_on_page(bare, heat, 0.4, 3.0)
    assert len(wanted[0]) > 5
    for ours, kits in zip(found, wanted, strict=True):
        np.testing.assert_allclose(ours, kits, atol=1e-5)


def test_nothing_bright_is_no_peak_and_no_division_by_zero(bare):
    assert len(find_on_page(bare, np.zeros((3, 4, 5)), 0.5, 3.0)[0]) == 0
    assert bare.evaluate("normalise(new Float32Array(9).fill(4), [0.1, 0.9]).every(v => v === 0)")


@pytest.fixture(scope="module")
def path(tmp_path_factory) -> Path:
    """The page, as `make alive` writes it."""
    from make_page import build

    pytest.importorskip(
        "tf2onnx", reason="tf2onnx is not installed here: see the extra `bioimageio`."
    )
    target = tmp_path_factory.mktemp("alive") / "networks.html"
    if reason := build(target):
        pytest.skip(f"The page of the networks was not built: {reason}.")
    return target


@pytest.fixture(scope="module")
def page(path, browser):
    page = browser.new_page(viewport={"width": 1300, "height": 1000})
    page.set_default_timeout(PATIENCE)
    said, asked = [], []
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("request", lambda request: asked.append(request.url))
    page.goto(path.as_uri())
    page.wait_for_selector("body[data-ready=yes]")
    yield page
    page.close()
    assert not said
    assert not [url for url in asked if not url.startswith(("file:", "data:", "blob:"))]


def wait_for_other_words(page, before: str, place: str = "#said") -> str:
    call = "([place, before]) => document.querySelector(place).textContent !== before"
    page.wait_for_function(call, arg=[place, before])
    return page.inner_text(place)


@pytest.mark.slow
def test_centres_of_the_bundled_stack_are_those_of_keras(page, path):
    from make_page import STEPS, prepare_bundled

    from organoid_kit.networks import load_network
    from organoid_kit.prediction.positions import predict_heat

    network, settings = load_network("position_small")
    stacks = prepare_bundled()[0].astype(np.float32) / STEPS
    heat = predict_heat(network, list(stacks), settings)
    centres = find_peaks(heat, SPACING_UM, settings.min_distance_um, 0.5)[0] * SPACING_UM
    call = """async () => {
        const {outputs} = await ask("position", joinTimes(BUNDLED), [1, ...SHAPE, 3]);
        const least = calibrate(0.5, POSITION.calibration);
        return findCentres(outputs[0].values, SHAPE, least).map(each => each.um);
    }"""
    found = np.array(page.evaluate(call))
    assert len(centres) > 30
    np.testing.assert_allclose(found, centres, atol=1e-3)


@pytest.mark.slow
def test_all_drawn_nuclei_are_found_and_said(page):
    said = page.inner_text("#said")
    assert "Of 16 known ones it finds 16" in said and "Nucleus 1, chosen" in said


@pytest.mark.slow
def test_a_nucleus_moves_by_keyboard_and_by_mouse_and_the_dot_follows(page):
    before = page.inner_text("#said")
    page.focus("#stack")
    for _ in range(3):
        page.keyboard.press("ArrowRight")
    page.keyboard.press("PageUp")
    said = wait_for_other_words(page, before)
    page.wait_for_function("stack.nuclei[0].centre[2] > 36 && stack.peaks.length === 16")
    assert "chosen, at z" in said
    page.keyboard.press("n")
    assert "Nucleus 2, chosen" in wait_for_other_words(page, page.inner_text("#said"))
    box = page.locator("#stack").bounding_box()
    where = page.evaluate("toPixels(stack.nuclei[1].centre)[0]")
    x, y = (start + at * box["width"] / 1176 for start, at in zip((box["x"], box["y"]), where))
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x - 30, y - 20, steps=3)
    page.mouse.up()
    moved = page.evaluate("toPixels(stack.nuclei[1].centre)[0]")
    assert moved[0] < where[0] - 20 and moved[1] < where[1] - 10


@pytest.mark.slow
def test_noise_hides_nuclei_and_words_say_so(page):
    finds_all = "document.querySelector('#said').textContent.includes('it finds 16')"
    page.focus("#noise")
    page.keyboard.press("End")
    page.wait_for_function(f"!{finds_all}")
    page.click("#back")
    page.wait_for_function(finds_all)


@pytest.mark.slow
def test_daughters_drawn_apart_are_believed(page):
    probabilities = {}
    for um in (2, 8):
        before = page.inner_text("#said2")
        page.focus("#apart")
        page.evaluate("um => setApart(um)", um)
        said = wait_for_other_words(page, before, "#said2") if str(um) != "8" else ""
        page.wait_for_function(
            f"document.querySelector('#said2').textContent.includes('lie {um} µm')"
        )
        probabilities[um] = page.evaluate("division.probabilities")
        assert said == "" or "The link network says" in said
    assert probabilities[2][0] < 0.2 < 0.6 < probabilities[8][0]
    assert min(probabilities[8][1:3]) > 0.5 > 0.2 > probabilities[8][3]
    before = page.inner_text("#said2")
    page.focus("#division")
    page.keyboard.press("ArrowRight")
    assert "lie 8.5 µm apart" in wait_for_other_words(page, before, "#said2")


@pytest.mark.slow
def test_feature_maps_of_each_layer_are_drawn(page):
    before = page.inner_text("#said3")
    page.focus("#layer")
    page.keyboard.press("End")
    said = wait_for_other_words(page, before, "#said3")
    assert said.startswith("Convolution 2") and "of 20 × 56 × 56" in said
