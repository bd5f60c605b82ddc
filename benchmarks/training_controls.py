"""Measures how long a click on the training dashboard takes to act, in a real browser, while a
network trains.

A notebook in headless Chromium: the bundled movies, the settings they come with, and a cell that
awaits `follow()` until the first Stop. The clock runs in the page, from the click (or Enter) to the
words in the status line. "Heard" is when the dashboard answers, as with "Stopping after this step";
"done" is when it has happened. Each click waits until an epoch is under way.

    python benchmarks/training_controls.py                        in JupyterLab, five clicks each:
    some five minutes python benchmarks/training_controls.py --front-end classic    in the classic
    Notebook (with notebook 6 installed)

Needs the front end, playwright and Chromium (or the variable CHROMIUM, which names it). Exit status
1 says that a median is above a second. On a busy machine the numbers say more about the machine:
its load is printed, too.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from browser.front_end import (
    CLASSIC,
    LAB,
    FrontEnd,
    NotebookPage,
    find_browser,
    serve,
    start_browser,
    start_front_end,
)

MOST_S = 1.0
CELLS = (
    "import tempfile\nfrom organoid_kit.dashboards import TrainingDashboard\n"
    "dashboard = TrainingDashboard(output_folder=tempfile.mkdtemp())\ndashboard.epochs.value = 1000\ndashboard",
    "run = await dashboard.follow()",
)
# Notes what the status line says as it changes, and when someone clicked or pressed Enter last.
WATCH = """() => {
    window.seen = [];
    const note = () => {
        const text = document.querySelector(".ok-status")?.innerText ?? "";
        if (text !== window.seen.at(-1)?.text) window.seen.push({at: performance.now(), text});
    };
    new MutationObserver(note).observe(document, {subtree: true, childList: true, characterData: true});
    const act = () => { window.acted = performance.now(); window.seen = []; };
    document.addEventListener("click", act, true);
    document.addEventListener("keydown", event => event.key === "Enter" && act(), true);
}"""
WAIT = "words => window.seen.some(each => words.some(word => each.text.includes(word)))"
TAKEN = """words => (window.seen.find(each => words.some(word => each.text.includes(word))).at - window.acted) / 1000"""


def measure(page: NotebookPage, act, heard: tuple[str, ...], done: str) -> tuple[float, float]:
    """Seconds from an act to the words by which one sees that it was heard, and that it is done."""
    act()
    page.page.wait_for_function(WAIT, arg=[done])
    return page.page.evaluate(TAKEN, [*heard, done]), page.page.evaluate(TAKEN, [done])


def wait_for_steps(page: NotebookPage) -> None:
    """Until the training is in the middle of an epoch."""
    page.page.wait_for_function(
        "() => /Training.*step [1-9]/.test(document.querySelector('.ok-status')?.innerText ?? '')"
    )


def measure_controls(page: NotebookPage, clicks: int) -> dict[str, list[tuple[float, float]]]:
    """For each control (heard, done) in seconds, of as many clicks."""
    taken = {name: [] for name in ("Pause", "Resume", "epochs", "Stop")}
    for number in range(clicks):
        wait_for_steps(page)
        taken["Pause"].append(
            measure(page, lambda: page.click("ok-pause"), ("Pausing",), "Paused.")
        )
        taken["Resume"].append(measure(page, lambda: page.click("ok-resume"), (), "Training."))
        wait_for_steps(page)
        epochs = str(1001 + number)
        taken["epochs"].append(
            measure(page, lambda e=epochs: page.type("ok-epochs", e), (), f"of {epochs},")
        )
    for _ in range(clicks):
        wait_for_steps(page)
        taken["Stop"].append(measure(page, lambda: page.click("ok-stop"), ("Stopping",), "Ended."))
        page.click("ok-start")  # goes on with the run
    return taken


def print_table(taken: dict[str, list[tuple[float, float]]]) -> float:
    """Prints medians and maxima; the largest median of what is done."""
    print(
        f"{'control':10} {'clicks':>6}   {'heard: median':>13} {'maximum':>8}   {'done: median':>12} {'maximum':>8}"
    )
    for name, pairs in taken.items():
        heard, done = zip(*pairs)
        print(
            f"{name:10} {len(pairs):6}   {statistics.median(heard):11.2f} s {max(heard):6.2f} s   "
            f"{statistics.median(done):10.2f} s {max(done):6.2f} s"
        )
    return max(statistics.median(done for _, done in pairs) for pairs in taken.values())


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--front-end", choices=("lab", "classic"), default="lab")
    parser.add_argument("--clicks", type=int, default=5)
    options = parser.parse_args()
    program = find_browser()
    if program is None:
        sys.exit("This benchmark needs Chromium. Install it, or name it in the variable CHROMIUM.")
    kind = {"lab": LAB, "classic": CLASSIC}[options.front_end]
    with tempfile.TemporaryDirectory() as name, start_browser(program) as chromium:
        command, url, root = start_front_end(kind, Path(name))
        with (
            serve(command, url, Path(name)),
            FrontEnd(kind, url, root, chromium).open(*CELLS, name="training") as page,
        ):
            page.click("ok-start")
            page.page.evaluate(WATCH)
            taken = measure_controls(page, options.clicks)
            page.click("ok-stop")
    print(
        f"{options.front_end}; load of the machine: {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores"
    )
    slowest = print_table(taken)
    print(
        f"Each must act within {MOST_S:g} s in the median. {'Met.' if slowest <= MOST_S else 'MISSED.'}"
    )
    return int(slowest > MOST_S)


if __name__ == "__main__":
    sys.exit(main())
