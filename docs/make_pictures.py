"""Makes the pictures of dashboards in README.md: opens the apps in Chromium, uses them a little, takes screenshots.

python docs/make_pictures.py            # all of them, in docs/pictures/
python docs/make_pictures.py class_board
"""

import shutil
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests"))

from browser.front_end import DashboardPage, find_browser, find_free_port, serve, start_browser  # noqa: E402
from organoid_kit.dashboards.class_board import Guess, format_guess  # noqa: E402

PICTURES = ROOT / "docs" / "pictures"
WIDTH, MOST_HEIGHT = 1120, 2000
MOST_SECONDS = 900
QUESTION = "At which time point do you see the first nucleus divide?"  # of apps/class_board.ipynb


BOTTOM = (
    "() => Math.max(...[...document.querySelectorAll('.jp-Cell')]"
    ".map(cell => cell.getBoundingClientRect().bottom))"
)


def use_stack_browser(page: DashboardPage) -> None:
    """A later time point, with longer tails."""
    page.press("ok-time-point", "ArrowRight", times=6)
    page.press("ok-tail", "ArrowRight", times=3)


def use_training_dashboard(page: DashboardPage) -> None:
    """A training that has come some way."""
    for name in ("training", "validation"):  # shown without the folders of this machine
        page.type(f"ok-{name}-path", f"data_samples/{name}.autlist")
    page.wait_for_text("ok-estimate", "A batch of")
    page.click("ok-start")
    page.page.wait_for_function(
        "() => document.querySelector('.ok-status').innerText.includes('Epoch 4')",
        timeout=1000 * MOST_SECONDS,
    )


def use_class_board(page: DashboardPage) -> None:
    """A registered guess, and the class's."""
    page.press("ok-time-point", "ArrowRight", times=4)
    page.type("ok-name", "Ada")
    page.click("ok-register")
    page.wait_for_text("ok-messages:has-text('Registered')", "Registered")
    others = [
        format_guess(QUESTION, Guess(*each))
        for each in (("Ben", 3), ("Chi", 4), ("Dana", 5), ("Eli", 4))
    ]
    page.type("ok-strings", "\n".join([page.find("ok-string textarea").input_value(), *others]))
    page.click("ok-show")
    page.find("ok-class-curve img")


# What is waited for, and what is done before the picture is taken.
APPS = {
    "stack_browser": (".ok-time-point", use_stack_browser),
    "annotation_checker": (".ok-time-point", None),
    "augmentation_preview": (".ok-new-seed", None),
    "channel_dashboard": (".ok-channels", None),
    "training_dashboard": (".ok-start", use_training_dashboard),
    "epoch_explorer": (".ok-epoch", None),
    "run_comparison": (".ok-error-rate", None),
    "threshold_explorer": (".ok-threshold", None),
    "track_explorer": (".ok-lineage", None),
    "class_board": (".ok-register", use_class_board),
}


def main(names: list[str]) -> None:
    """Takes the pictures of these apps."""
    program = find_browser()
    if program is None:
        sys.exit(
            "The pictures are taken in Chromium. Received: none. Install it, or name it in the variable CHROMIUM."
        )
    PICTURES.mkdir(exist_ok=True)
    url = f"http://localhost:{find_free_port()}/"
    with tempfile.TemporaryDirectory() as folder:
        apps = Path(
            shutil.copytree(ROOT / "apps", Path(folder) / "apps")
        )  # runs are written beside the notebooks
        shutil.copytree(ROOT / "data_samples", apps / "data_samples")
        command = ["voila", str(apps), "--no-browser", f"--port={url.split(':')[-1].strip('/')}"]
        with serve(command, url, Path(folder)), start_browser(program) as browser:
            for name in names:
                take_picture(browser, url, name)


def take_picture(browser, url: str, name: str) -> None:
    """Opens one app, uses it, and writes `pictures/<name>.png`."""
    handle, use = APPS[name]
    page = DashboardPage(browser, "app")
    page.page.set_viewport_size({"width": WIDTH, "height": MOST_HEIGHT})
    page.page.goto(f"{url}voila/render/{name}.ipynb")
    page.find(handle)
    if use is not None:
        use(page)
    page.page.mouse.move(0, 0)
    page.page.wait_for_timeout(2000)  # pictures arrive after their frames
    height = page.page.evaluate(BOTTOM)
    clip = {"x": 0, "y": 0, "width": WIDTH, "height": min(height + 16, MOST_HEIGHT)}
    page.page.screenshot(path=PICTURES / f"{name}.png", clip=clip)
    page.page.close()
    print(f"docs/pictures/{name}.png", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:] or list(APPS))
