"""No text of a dashboard is cut, lies on another, or sticks out: wide and narrow, light and dark, at 200 % zoom."""

import pytest

SETUP = """
import dataclasses, json, tempfile
from pathlib import Path

import numpy as np

from organoid_kit import dashboards
from organoid_kit.base.settings import make_settings
from organoid_kit.data.dataset import read_dataset
from organoid_kit.data.downloads import find_samples
from organoid_kit.evaluation.blobs import find_blobs
from organoid_kit.training.epoch_pictures import EpochPicture, write_picture

folder = Path(tempfile.mkdtemp())
sample = read_dataset(find_samples() / "validation.autlist")[0]
movie, truth = sample.movie, sample.annotations
few = truth.select(truth.time_points < 3)
blobs = find_blobs(movie, channels=(2, 3), time_points=range(3), threshold=0.03)
says = np.clip(2 * blobs.properties["response"].astype(float), 0, 1)
found = dataclasses.replace(blobs, properties={"probability": says, "division_probability": says})
wrong, nothing = np.zeros(len(truth.links)), np.full(len(truth), None)
wrong[[7, 90]] = 0.6, 0.9
names = [f"{what}_error_probability" for what in ("division", "start", "end")]
tracks = dataclasses.replace(
    truth, properties=dict.fromkeys(names, nothing), link_properties={"error_probability": wrong}
)
flawed = dataclasses.replace(truth, links=np.delete(truth.links, [60, 200], axis=0))
flawed = dataclasses.replace(sample, annotations=flawed)
history, run = [], folder / "2026-01-01_12-00-00_position_small"
for epoch in range(1, 13):
    images, targets = np.full((1, 1, 32, 32), 9 * epoch, np.uint8), np.zeros((1, 32, 32), np.float16)
    places = np.array([[8.0, 8], [20, 24]])
    picture = EpochPicture("position", epoch, images, targets, targets + 0.4, places, (1.0, 1.0))
    write_picture(picture, run)
    row = {"loss": 1 / epoch, "validation_loss": abs(epoch - 3) / 10 + 0.5, "validation_f1": 0.5}
    history.append({"epoch": epoch, **row, "seconds": 1, "best": epoch <= 3})
(run / "history.json").write_text(json.dumps(history))
training = find_samples() / "training.autlist"
question = "At which time point do you see the first nucleus divide?"
"""
DASHBOARDS = {
    "stack": 'StackBrowser(movie, {"annotated": truth}, channels=(2, 3))',
    "checker": 'AnnotationChecker(flawed, channels=(2, 3), output=folder / "checked.aut")',
    "preview": 'AugmentationPreview(read_dataset(training)[:1], make_settings("link", channels=(2, 3)))',
    "channels": "ChannelDashboard(movie, few)",
    "training": "TrainingDashboard(output_folder=str(folder / 'runs'))",
    "epochs": "EpochExplorer(run)",
    "comparison": "RunComparison()",
    "thresholds": "ThresholdExplorer(dataclasses.replace(sample, annotations=few), found, channels=(2, 3))",
    "tracks": "TrackExplorer(movie, tracks, channels=(2, 3), output=folder / 'mended.aut')",
    "board": 'ClassBoard(question, limits=(0, 100), step=1, labels=("time point", "score"))',
}
LEAST_LETTERS = 9  # px
SIZES = {"wide": (1400, 1000), "medium": (900, 1000), "narrow": (600, 1000), "zoomed": (700, 500)}

# What is wrong with the texts of a box: the rules are those of the headings.
FIND_FAULTS = """least => {
    const faults = [], box = document.querySelector(".ok-dashboard-shown");
    const seen = each => each.checkVisibility({visibilityProperty: true, opacityProperty: true})
        && each.getBoundingClientRect().width > 0;
    const said = each => each.textContent.trim().replace(/\\s+/g, " ").slice(0, 60);
    const tell = (rule, each, more = "") => faults.push(`${rule}: "${said(each)}" ${more}`);
    const edge = box.getBoundingClientRect();
    if (box.scrollWidth > box.clientWidth + 1) tell("wider than the page", box);
    for (const each of box.querySelectorAll("[title]"))
        if (seen(each) && ["null", "None", "undefined"].includes(each.title)) tell("tooltip", each, each.title);
    const texts = ".widget-label, button, .jupyter-button, .widget-readout, .widget-html-content, label, summary, p";
    for (const each of box.querySelectorAll(texts)) {
        if (!seen(each) || each.querySelector("svg, canvas")) continue;
        const hides = getComputedStyle(each).overflowX !== "visible";
        if (hides && each.scrollWidth > each.clientWidth + 1)
            tell("cut", each, `${each.scrollWidth} > ${each.clientWidth}`);
    }
    for (const each of box.querySelectorAll("select:not([size]), select[size='1']")) {
        const pen = document.createElement("canvas").getContext("2d"), style = getComputedStyle(each);
        pen.font = `${style.fontSize} ${style.fontFamily}`;
        const wanted = pen.measureText(each.selectedOptions[0]?.text ?? "").width;
        const room = each.clientWidth - parseFloat(style.paddingLeft) - parseFloat(style.paddingRight);
        if (seen(each) && wanted > room + 1) tell("cut", each.selectedOptions[0], `${wanted} > ${room}`);
    }
    for (const svg of box.querySelectorAll("svg[viewBox]")) {
        const frame = svg.getBoundingClientRect();
        for (const each of svg.querySelectorAll("text")) {
            const place = each.getBoundingClientRect();
            if (place.left < frame.left - 1 || place.right > frame.right + 1) tell("out of the picture", each);
        }
        const size = Math.min(...[...svg.querySelectorAll("text")].map(each => {
            const {a, b} = each.getScreenCTM();
            return parseFloat(getComputedStyle(each).fontSize) * Math.hypot(a, b);
        }));
        if (size < least) tell("too small", svg, size.toFixed(1) + " px");
    }
    const written = each => [...each.childNodes].filter(node => node.nodeType === 3 && node.data.trim());
    const leaves = [...box.querySelectorAll("*")].filter(
        each => seen(each) && !each.closest("select, .ok-lineage-tree"));
    const places = leaves.flatMap(each => written(each).flatMap(node => {
        const range = document.createRange();
        range.selectNodeContents(node);
        return [...range.getClientRects()].map(rect => [each, rect]);
    }));
    places.forEach(([one, a], n) => places.slice(n + 1).forEach(([other, b]) => {
        const across = Math.min(a.right, b.right) - Math.max(a.left, b.left);
        const down = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
        if (one !== other && across > 2 && down > 4) tell("on each other", one, `and "${said(other)}"`);
    }));
    for (const each of box.querySelectorAll(".widget-box, .jupyter-widgets")) {
        const bars = each.offsetWidth - each.clientWidth > 4 || each.offsetHeight - each.clientHeight > 4;
        const may = /auto|scroll/.test(getComputedStyle(each).overflow);
        if (seen(each) && bars && may) tell("scroll bar", each, each.className);
    }
    const scrolls = each => each.closest("[style*='overflow-x']");
    for (const [each, rect] of places)
        if (rect.right > edge.right + 2 && !scrolls(each)) tell("sticks out", each);
    return [...new Set(faults)];
}"""


@pytest.fixture(scope="module", params=DASHBOARDS)
def shown(request, front_end):
    """A page with one dashboard."""
    shown = "dashboard.add_class('ok-dashboard-shown')"
    code = f"{SETUP}\ndashboard = dashboards.{DASHBOARDS[request.param]}\n{shown}"
    with front_end.open(code, name=f"layout_{request.param}") as page:
        page.find("ok-dashboard-shown")
        page.wait_until_run()
        page.page.wait_for_timeout(1500)  # pictures arrive after their frames
        yield page


def test_no_text_is_cut_or_covered(shown):
    faults = []
    for theme in ("Light", "Dark"):
        shown.set_theme(theme)
        for size, (width, height) in SIZES.items():
            shown.page.set_viewport_size({"width": width, "height": height})
            shown.page.wait_for_timeout(500)
            found = shown.page.evaluate(FIND_FAULTS, LEAST_LETTERS)
            faults += [f"{size}, {theme}: {fault}" for fault in found]
            if theme == "Dark" and size in ("wide", "narrow"):
                shown.screenshot(f"{shown.name}_{size}", "ok-dashboard-shown")
    assert not faults, "\n".join(faults)
