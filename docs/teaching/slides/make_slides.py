"""Makes the slides: draws their figures, and calls Sphinx. Then open build/slides/html/index.html.

python docs/teaching/slides/make_slides.py
"""

import shutil
import subprocess
import sys
from pathlib import Path

from make_figures import write_figures

HERE = Path(__file__).resolve().parent
BUILD = HERE.parents[2] / "build" / "slides"


def main() -> int:
    """Writes the deck, and says where it lies."""
    write_figures(BUILD / "source")
    shutil.copy2(HERE / "index.md", BUILD / "source")
    shutil.copy2(HERE.parents[1] / "pictures" / "film.gif", BUILD / "source" / "figures")
    options = ["-q", "-E", "-W", "-b", "revealjs", "-c", str(HERE)]
    built = subprocess.run(
        [sys.executable, "-m", "sphinx", *options, str(BUILD / "source"), str(BUILD / "html")]
    )
    print(f"Open {BUILD / 'html' / 'index.html'} in a browser.")
    return built.returncode


if __name__ == "__main__":
    sys.exit(main())
