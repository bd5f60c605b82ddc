"""Makes one file of the whole course, to take along: build/organoid_kit_course.zip.

python docs/teaching/make_archive.py             # notebooks, the kit, movies, texts; site and slides if built
python docs/teaching/make_archive.py --wheels    # and all packages that it needs, for this system and Python
"""

import argparse
import platform
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
NAME = "organoid_kit_course"
TEXTS = ("README.md", "LICENSE", "CITATION.cff", "CHANGELOG.md", "CONTRIBUTING.md")
EXTRAS = "cpu,lab,formats,scores"
PARTS = {  # from where, which files, to where
    "notebooks": ("*.ipynb", "notebooks"),
    "notebooks/solutions": ("*.ipynb", "notebooks/solutions"),
    "notebooks/instructor": ("*.ipynb", "notebooks/instructor"),
    "data_samples": ("*", "data_samples"),
    "docs": ("*.md", "docs"),
    "docs/pictures": ("*.png", "docs/pictures"),
    "docs/teaching": ("*.md", "docs/teaching"),
}
BUILT = {"build/site/html": "site", "build/slides/html": "slides"}


def copy_course(folder: Path) -> None:
    """Copies notebooks, movies, texts, and what was built of site and slides."""
    for source, (pattern, target) in PARTS.items():
        (folder / target).mkdir(parents=True, exist_ok=True)
        for path in (ROOT / source).glob(pattern):
            if path.is_file():
                shutil.copy2(path, folder / target)
    for text in TEXTS:
        shutil.copy2(ROOT / text, folder)
    shutil.copy2(ROOT / "docs" / "teaching" / "install_offline.md", folder / "INSTALL.md")
    for source, target in BUILT.items():
        if (ROOT / source).exists():
            shutil.copytree(ROOT / source, folder / target)


def add_packages(folder: Path, all_of_them: bool) -> None:
    """Builds the kit as a package, and fetches what it needs if asked to.

    Raises:
        subprocess.CalledProcessError: pip failed; it says why.
    """
    folder.mkdir()
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "-q"]
    subprocess.run(
        [*pip, "wheel", "--no-deps", "--no-build-isolation", "-w", str(folder), str(ROOT)],
        check=True,
    )
    if all_of_them:
        [kit] = folder.glob("organoid_kit-*.whl")
        subprocess.run(
            [*pip, "download", "--prefer-binary", "-d", str(folder), f"{kit}[{EXTRAS}]"], check=True
        )
        made_for = f"{platform.system()} {platform.machine()}, Python {platform.python_version()}\n"
        (folder / "made_for.txt").write_text(made_for, encoding="utf-8")


def make_archive(file: Path, all_packages: bool = False) -> Path:
    """Writes the archive.

    Args:
        file: where to; its name without ".zip" is that of the folder inside.
        all_packages: whether it holds every package that is needed.
    """
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / file.stem
        folder.mkdir()
        copy_course(folder)
        add_packages(folder / "packages", all_packages)
        file.parent.mkdir(parents=True, exist_ok=True)
        shutil.make_archive(str(file.with_suffix("")), "zip", temporary, file.stem)
    return file


def main() -> None:
    """Makes the archive, and says where it lies and how large it is."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--wheels", action="store_true", help="with all packages")
    parser.add_argument("--output", type=Path, default=ROOT / "build" / f"{NAME}.zip")
    chosen = parser.parse_args()
    file = make_archive(chosen.output, chosen.wheels)
    print(f"{file}: {file.stat().st_size / 1e6:.0f} MB")


if __name__ == "__main__":
    main()
