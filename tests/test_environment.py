from types import SimpleNamespace

import psutil
import pytest

from organoid_kit.environment import check_environment


@pytest.fixture(autouse=True)
def plenty_of_memory(monkeypatch):
    monkeypatch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(available=8 * 2**30))


def test_works_where_tensorflow_is():
    assert check_environment(is_installed=lambda name: name == "tensorflow").startswith("Works. (")


def test_asks_for_a_backend_where_there_is_none():
    verdict = check_environment(is_installed=lambda name: False)
    assert verdict.startswith("Do this: ") and "pip install tensorflow" in verdict


def test_looking_alone_needs_no_backend():
    assert check_environment(trains=False, is_installed=lambda name: False).startswith("Works. (")


def test_notes_another_backend():
    verdict = check_environment(is_installed=lambda name: name == "jax")
    assert verdict.startswith("Works, with notes: TensorFlow is not here")


def test_notes_little_memory(monkeypatch):
    monkeypatch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(available=2**30))
    assert "Only 1.0 GB of memory are free" in check_environment(is_installed=lambda name: True)
