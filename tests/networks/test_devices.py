import stat
import sys

import keras
import psutil
import pytest

from organoid_kit.networks import devices
from organoid_kit.networks.devices import Device, detect_device


@pytest.fixture
def nvidia_says(tmp_path, monkeypatch):
    """Puts a stand-in for Nvidia's tool on the path, and lets Keras see a card."""
    if sys.platform == "win32":
        pytest.skip("the stand-in is a shell script")

    def say(text, status=0):
        tool = tmp_path / "nvidia-smi"
        tool.write_text(f"#!/bin/sh\nprintf '{text}'\nexit {status}\n")
        tool.chmod(tool.stat().st_mode | stat.S_IEXEC)
        monkeypatch.setenv("PATH", str(tmp_path))
        monkeypatch.setattr(devices, "_keras_has_gpu", lambda: True)

    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    devices._query_nvidia.cache_clear()
    yield say
    devices._query_nvidia.cache_clear()


def test_the_processor_has_the_memory_that_is_free(monkeypatch):
    monkeypatch.setattr(devices, "_keras_has_gpu", lambda: False)
    device = detect_device()
    assert not device.is_gpu and not device.gains_from_mixed_precision
    assert device.memory_bytes == pytest.approx(psutil.virtual_memory().available, rel=0.2)


@pytest.mark.parametrize(("capability", "gains"), [("6.1", False), ("7.5", True)])
def test_a_card_is_described_as_its_tool_does(nvidia_says, capability, gains):
    nvidia_says(f"Tesla T4, 14000, {capability}\\nSecond card, 1, 9.0\\n")
    device = detect_device()
    assert device == Device("Tesla T4", True, 14000 * 2**20, float(capability))
    assert device.gains_from_mixed_precision is gains


def test_a_card_that_shares_memory_with_the_processor_has_what_is_free_there(nvidia_says):
    nvidia_says("GB10, [N/A], 12.1\\n")
    assert detect_device().memory_bytes > 0


def test_an_unknown_compute_capability_gains_nothing(nvidia_says):
    nvidia_says("Old card, 2000, [N/A]\\n")
    assert detect_device() == Device("Old card", True, 2000 * 2**20, 0.0)


@pytest.mark.parametrize(("chosen", "name"), [("", "A"), ("0", "A"), ("1", "B"), ("GPU-12ab", "A")])
def test_the_card_that_was_chosen_is_described(nvidia_says, monkeypatch, chosen, name):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", chosen)
    nvidia_says("A, 1000, 8.0\\nB, 2000, 9.0\\n")
    assert detect_device().name == name


@pytest.mark.parametrize("text", ["", "No devices were found\\n"])
def test_without_an_answer_the_processor_is_taken(nvidia_says, text):
    nvidia_says(text, status=6)
    assert not detect_device().is_gpu


def test_keras_is_asked_for_its_cards():
    assert devices._keras_has_gpu() in (True, False)
    assert keras.backend.backend() in ("tensorflow", "jax", "torch")
