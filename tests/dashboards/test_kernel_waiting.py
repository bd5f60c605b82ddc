"""A cell that waits for a training, in a real kernel: what a page and a person can do meanwhile."""

import queue
import time

import pytest
from jupyter_client.manager import start_new_kernel

# A training of no work, so that the kernel need not load Keras.
SETUP = """
import sys, tempfile, time, types
sys.path.insert(0, {tests!r})
import numpy as np
from pathlib import Path
from types import SimpleNamespace

def train(*movies, resume, on_progress, should_stop, should_pause, find_epochs):
    from organoid_kit.training.runs import Run
    run = Run(Path(tempfile.mkdtemp()))
    tell = lambda step, message="": on_progress(SimpleNamespace(
        epoch=0, epochs=2, step=step, steps=9999, loss=0.5, seconds=1.0, run=run, row=None, message=message))
    step = 0
    while not should_stop():
        step += 1
        tell(step)
        time.sleep(0.02)
    tell(step, "Training ended: stopped on request.")
    return run

sys.modules["organoid_kit.training.loop"] = types.ModuleType("organoid_kit.training.loop")
sys.modules["organoid_kit.training.loop"].train = train
from organoid_kit.dashboards import TrainingDashboard
from organoid_kit.dashboards.training import choices as training_choices
from training_helpers import make_blobs, tiny_settings
training_choices.TrainingChoices._estimate = lambda self: None
dashboard = TrainingDashboard([make_blobs(1)], [make_blobs(2)], tiny_settings(""), output_folder=tempfile.mkdtemp())
"""
PATIENCE = 120


@pytest.fixture(scope="module")
def kernel(request):
    """A new kernel in which a dashboard is ready, and its client."""
    manager, client = start_new_kernel(startup_timeout=PATIENCE)
    run(client, SETUP.format(tests=str(request.path.parents[1])))
    yield manager, client
    client.stop_channels()
    manager.shutdown_kernel(now=True)


@pytest.fixture
def client(kernel):
    return kernel[1]


def run(client, code):
    """Runs a cell to its end; its answer is good."""
    wait_for_reply(client, client.execute(code))


def wait_for_reply(client, message):
    reply = client.get_shell_msg(timeout=PATIENCE)
    while reply["parent_header"].get("msg_id") != message:
        reply = client.get_shell_msg(timeout=PATIENCE)
    assert reply["content"]["status"] == "ok", reply["content"]
    return reply


def ask(client, expression):
    """The value of an expression in the kernel, as text."""
    reply = wait_for_reply(client, client.execute("", user_expressions={"value": expression}))
    return reply["content"]["user_expressions"]["value"]["data"]["text/plain"]


def follow(client):
    """A cell that trains and waits; it has begun to train."""
    message = client.execute(
        "dashboard.start.click()\nrun = await dashboard.follow()", allow_stdin=True
    )
    wait_for_message(client, lambda each: "Training." in str(each["content"].get("data")))
    return message


def wait_for_message(client, is_it, seconds=PATIENCE):
    """The next message to all that is the one."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        try:
            message = client.get_iopub_msg(timeout=1)
        except queue.Empty:
            continue
        if is_it(message):
            return message
    raise AssertionError(f"no such message within {seconds} s")


def send_to_widget(client, widget, data):
    """What a page sends."""
    message = client.session.msg("comm_msg", {"comm_id": widget, "data": data})
    client.shell_channel.send(message)
    return message["header"]["msg_id"]


def is_idle_after(message):
    return lambda each: (
        each["parent_header"].get("msg_id") == message
        and each["content"].get("execution_state") == "idle"
    )


def test_each_change_in_a_page_is_answered_so_that_the_page_sends_the_next_one(client):
    epochs, stop = (
        ask(client, f"dashboard.{name}.comm.comm_id").strip("'") for name in ("epochs", "stop")
    )
    cell = follow(client)
    for number in (40, 30):
        sent = send_to_widget(
            client, epochs, {"method": "update", "state": {"value": number}, "buffer_paths": []}
        )
        wait_for_message(client, is_idle_after(sent), 20)
    sent = send_to_widget(client, stop, {"method": "custom", "content": {"event": "click"}})
    wait_for_message(client, is_idle_after(sent), 20)
    wait_for_reply(client, cell)
    assert ask(client, "dashboard.session.epochs, dashboard.session.state") == "(30, 'ended')"


def test_a_page_that_comes_back_is_answered_and_the_kernels_interrupt_is_a_clean_stop(kernel):
    manager, client = kernel
    cell, later = follow(client), client.execute("later = run.folder.is_dir()")
    wait_for_message(client, is_idle_after(client.kernel_info()), 20)
    manager.interrupt_kernel()
    wait_for_reply(client, cell)
    wait_for_reply(client, later)
    assert (
        ask(client, "dashboard.session.state, dashboard.session.error, later")
        == "('ended', None, True)"
    )
    assert "stopped on request. Go on continues it" in ask(client, "dashboard.messages.value")
