"""The site of the course in a real browser: every page opens from the disk, without a network, and
search finds.
"""

import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

ROOT = Path(__file__).parents[2]
NOTEBOOK = "03"  # quick to run, with many figures and with widgets

pytestmark = pytest.mark.slow


class Links(HTMLParser):
    """What a page links to, and the places in it that can be linked to."""

    def __init__(self, page: Path):
        super().__init__()
        self.targets, self.anchors, self.images = [], set(), []
        self.feed(page.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attributes):
        found = dict(attributes)
        self.targets += [found[key] for key in ("href", "src") if found.get(key)]
        self.anchors |= {found[key] for key in ("id", "name") if found.get(key)}
        self.images += [found] if tag == "img" else []


def is_dead(target: str, page: Path, links: dict[Path, Links]) -> bool:
    """Whether a link leads to no file, or to no place in one. What lies outside of the site is not
    tried.
    """
    parts = urlsplit(target)
    if parts.scheme:
        return False
    file = (page.parent / unquote(parts.path)).resolve() if parts.path else page
    lacks_anchor = (
        parts.fragment and file in links and unquote(parts.fragment) not in links[file].anchors
    )
    return not file.exists() or bool(lacks_anchor)


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Path:
    pytest.importorskip(
        "myst_nb", reason="Sphinx and myst-nb are not installed here: the extra `docs` brings them."
    )
    pytest.importorskip(
        "sphinx_book_theme", reason="sphinx-book-theme is not installed here: see the extra `docs`."
    )
    folder = tmp_path_factory.mktemp("site")
    command = [
        sys.executable,
        "docs/site/make_site.py",
        "--quick",
        "--only",
        NOTEBOOK,
        "--output",
        str(folder),
    ]
    built = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert built.returncode == 0, built.stderr
    return folder / "html"


@pytest.fixture(scope="module")
def links(site) -> dict[Path, Links]:
    return {
        page.resolve(): Links(page) for page in site.rglob("*.html") if "_static" not in page.parts
    }


def test_pages_of_all_kinds_are_there(links, site):
    names = {page.relative_to(site.resolve()).as_posix() for page in links}
    wanted = {
        "index.html",
        "docs/comparison.html",
        "docs/adding.html",
        "docs/teaching/README.html",
        "CONTRIBUTING.html",
    }
    assert wanted | {"notebooks/03_preview_augmentation.html"} <= names


def test_no_link_inside_is_dead(links):
    dead = [
        (page.name, each)
        for page, found in links.items()
        for each in found.targets
        if is_dead(each, page, links)
    ]
    assert not dead


def test_every_picture_has_alternative_text(links):
    pictures = [(page.name, image) for page, found in links.items() for image in found.images]
    assert sum(name.startswith(NOTEBOOK) for name, _ in pictures) > 6
    assert not [(name, image) for name, image in pictures if not image.get("alt", "").strip()]


def test_widgets_are_replaced_by_a_note(site):
    text = (site / "notebooks" / "03_preview_augmentation.html").read_text(encoding="utf-8")
    assert "They need a running notebook" in text and "widget-view" not in text


def test_every_page_opens_without_network_and_errors(links, browser):
    page = browser.new_page()
    said, asked = [], []
    page.on(
        "console", lambda message: said.append(message.text) if message.type == "error" else None
    )
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("request", lambda request: asked.append(request.url))
    broken = (
        "[...document.images].filter(image => image.loading !== 'lazy' && !image.naturalWidth)"
        ".map(image => image.src)"
    )
    for path in links:
        page.goto(path.as_uri())
        assert page.locator("h1").count() or path.stem in ("search", "genindex"), path
        assert page.evaluate(broken) == [], path
    page.close()
    assert not said
    assert not [url for url in asked if not url.startswith(("file:", "data:", "blob:"))]


def test_no_code_is_cut_off(site, browser):
    page = browser.new_page(viewport={"width": 1250, "height": 900})
    page.goto((site / "notebooks" / "03_preview_augmentation.html").as_uri())
    wide = "() => [...document.querySelectorAll('pre')].map(each => [each.scrollWidth, each.clientWidth])"
    widths = page.evaluate(wide)
    assert len(widths) > 10 and not [each for each in widths if each[0] > each[1]]
    page.close()


def test_search_finds_a_word(site, browser):
    page = browser.new_page()
    page.goto(f"{(site / 'search.html').as_uri()}?q=augmentation")
    page.wait_for_selector("ul.search li a", timeout=60_000)
    assert "Preview augmentation" in " ".join(page.locator("ul.search li a").all_inner_texts())
    page.close()
