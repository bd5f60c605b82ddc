import os
import platform
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest

from organoid_kit.base import environment
from organoid_kit.base.environment import RANGES, check_environment, get_version

ROOT = Path(__file__).parents[2]
COLAB = {
    "python": "3.13.1",
    "tensorflow": "2.20.0",
    "keras": "3.13.2",
    "numpy": "2.1.3",
    "ipywidgets": "7.7.1",
}


@pytest.fixture(autouse=True)
def plenty_of_memory(monkeypatch):
    monkeypatch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(available=8 * 2**30))


def check(trains=True, **changes):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(environment, "get_version", (COLAB | changes).get)
        starts = SimpleNamespace(run=lambda *_, **options: SimpleNamespace(returncode=0))
        patch.setattr(environment, "subprocess", starts)
        return check_environment(trains=trains)


def test_works_on_colab_and_names_what_is_there():
    verdict = check()
    assert verdict.startswith("Works. (organoid_kit ")
    assert verdict.endswith(
        "Python 3.13.1, TensorFlow 2.20.0, Keras 3.13.2, numpy 2.1.3, ipywidgets 7.7.1)"
    )


def test_what_is_installed_but_does_not_start_must_be_mended(tmp_path, monkeypatch):
    (tmp_path / "tensorflow.py").write_text("raise ImportError('DLL load failed')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    verdict = check_environment()
    assert verdict.startswith("Do this: ") and "ImportError: DLL load failed" in verdict
    assert check_environment(trains=False).startswith("Works")


def test_works_here():
    assert check_environment().startswith("Works")


@pytest.mark.parametrize("name", RANGES)
def test_a_newer_version_is_a_note(name):
    module, _, newest = RANGES[name]
    major, minor = map(int, newest.split("."))
    verdict = check(**{module: f"{major}.{minor + 1}.0rc1"})
    assert verdict.startswith(
        f"Works, with notes: {name} {major}.{minor + 1}.0rc1 is newer than what the kit was tried"
    )
    assert check(**{module: f"{newest}.99"}).startswith("Works. (")


@pytest.mark.parametrize("name", RANGES)
def test_an_older_version_must_be_mended(name):
    module, oldest, _ = RANGES[name]
    major, minor = map(int, oldest.split(".")[:2])
    assert check(**{module: f"{major}.{minor - 1}.9"}).startswith(
        f"Do this: take a newer {name} than "
    )
    assert check(**{module: f"{oldest}.0"}).startswith("Works. (")


def test_a_keras_whose_loader_was_unsafe_is_not_enough():
    assert "take a newer Keras than 3.13.1" in check(keras="3.13.1")
    assert check(keras="3.15.1").startswith("Works. (")


@pytest.mark.parametrize("module", ["keras", "numpy", "ipywidgets"])
def test_what_is_missing_is_to_be_installed(module):
    verdict = check(**{module: None})
    assert verdict.startswith("Do this: install ") and f'pip install "{module}>=' in verdict


def test_a_version_that_cannot_be_told_is_no_obstacle():
    verdict = check(tensorflow="")
    assert verdict.startswith("Works. (") and "TensorFlow" not in verdict


def test_asks_for_a_backend_where_there_is_none():
    verdict = check(tensorflow=None)
    assert verdict.startswith("Do this: install TensorFlow") and "pip install tensorflow" in verdict


def test_looking_alone_needs_no_networks():
    assert check(trains=False, tensorflow=None, keras=None).startswith("Works. (")


def test_notes_another_backend():
    assert check(tensorflow=None, jax="0.4").startswith("Works, with notes: TensorFlow is not here")


def test_notes_little_memory(monkeypatch):
    monkeypatch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(available=2**30))
    assert "Only 1.0 GB of memory are free" in check()


def test_versions_are_found_without_loading_anything():
    program = (
        "import sys; from organoid_kit.base.environment import get_version as find;"
        "print(find('numpy'), find('no_such_module'), {'numpy', 'keras', 'tensorflow'} & set(sys.modules))"
    )
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert ran.stdout.split()[0] == get_version("numpy") and ran.stdout.split()[1:] == [
        "None",
        "set()",
    ], ran.stderr


def test_the_oldest_versions_are_those_that_the_project_asks_for():
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    assert f'requires-python = ">={RANGES["Python"][1]},' in project
    for module, oldest, _ in list(RANGES.values())[1:]:
        assert f'{module}>={oldest}"' in project or f'"{module}>={oldest};' in project


_FREE_MUCH = """
import psutil
from organoid_kit.base.environment import keep_memory
{}
block = bytearray(300 * 2**20)
del block
print(psutil.Process().memory_info().rss)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc is told to keep memory")
def test_memory_is_kept():
    rss = {}
    for line in ("", "keep_memory()"):
        command = [sys.executable, "-c", _FREE_MUCH.format(line)]
        clean = {name: text for name, text in os.environ.items() if "MALLOC" not in name}
        rss[line] = int(subprocess.run(command, env=clean, capture_output=True, check=True).stdout)
    assert rss[""] < 200 * 2**20 < 300 * 2**20 < rss["keep_memory()"]
