import asyncio
import re
import threading
import types

import pytest
from test_training_session import FakeTraining, wait_for

from organoid_kit.base.errors import UserError
from organoid_kit.dashboards import TrainingDashboard
from organoid_kit.dashboards.parts import kernel_waiting
from organoid_kit.dashboards.parts.common import handler_lock
from organoid_kit.dashboards.parts.dashboard import Later
from organoid_kit.dashboards.training.pictures import draw_curves
from organoid_kit.dashboards.training.session import find_running_session
from organoid_kit.training import estimates, loop as training_module
from organoid_kit.training.lock import hold_run
from organoid_kit.training.runs import make_run
from training_helpers import make_blobs, make_family, tiny_settings


@pytest.fixture
def fake(monkeypatch, tmp_path):
    return FakeTraining(monkeypatch, tmp_path)


def make(tmp_path, *movies, **changes) -> TrainingDashboard:
    movies = movies or ([make_blobs(1)], [make_blobs(2)])
    return TrainingDashboard(
        *movies, tiny_settings("", **changes), output_folder=str(tmp_path / "runs")
    )


@pytest.fixture
def dashboard(tmp_path):
    return make(tmp_path)


@pytest.fixture(autouse=True)
def nothing_goes_on():
    """What one test started must not go on in the next one."""
    yield
    if running := find_running_session():
        running.stop()
        running.wait()


def wait_for_timers():
    """Until all is done that was to be done later."""
    for thread in threading.enumerate():
        if isinstance(thread, threading.Timer):
            thread.join(300)
            assert not thread.is_alive()


def enabled(dashboard):
    return {
        name
        for name in ("start", "pause", "resume", "stop")
        if not getattr(dashboard, name).disabled
    }


def test_buttons_lead_through_a_training(dashboard, fake):
    dashboard.epochs.value = 10_000
    assert enabled(dashboard) == {"start"} and "Press Start" in dashboard.status.value
    dashboard.start.click()
    wait_for(lambda: dashboard.session.history)
    assert enabled(dashboard) == {"pause", "stop"}
    dashboard.pause.click()
    wait_for(lambda: dashboard.session.state == "paused")
    assert (
        "resume" in enabled(dashboard)
        and dashboard.network.disabled
        and not dashboard.epochs.disabled
    )
    dashboard.resume.click()
    assert enabled(dashboard) == {"pause", "stop"}
    dashboard.stop.click()
    dashboard.session.wait()
    wait_for(lambda: dashboard.messages.value)
    assert enabled(dashboard) == {"start"} and "Ended." in dashboard.status.value
    assert "Training ended: the fake one. Go on continues it." in dashboard.messages.value
    assert "<svg" in dashboard.curves.value and "<b>" in dashboard.reading.value
    dashboard.epochs.value = 20_000
    dashboard.start.click()
    wait_for(lambda: dashboard.session.history)
    assert "ended" not in dashboard.messages.value + dashboard.news.value  # of before


def test_epochs_are_changed_while_it_runs(dashboard, fake):
    dashboard.epochs.value = 10_000
    dashboard.start.click()
    wait_for(lambda: dashboard.session.history)
    dashboard.epochs.value = 1
    dashboard.session.wait()
    assert len(dashboard.session.history) < 10_000 and dashboard.session.epochs == 1


def test_training_does_not_wait_for_a_handler_that_takes_long(dashboard, fake):
    dashboard.epochs.value = 10_000
    dashboard.start.click()
    wait_for(lambda: dashboard.session.history)
    with handler_lock:  # as a handler of some other dashboard would
        done = len(dashboard.session.history)
        wait_for(lambda: len(dashboard.session.history) > done + 3)
        threading.Thread(target=dashboard.pause.click).start()
        wait_for(lambda: dashboard.session.state == "paused")
    wait_for(lambda: enabled(dashboard) == {"resume", "stop"})


def test_it_trains_as_text(dashboard, fake, capsys):
    assert dashboard.train_as_text() == dashboard.run
    lines = capsys.readouterr().out.splitlines()
    assert [line.partition(":")[0] for line in lines] == [
        "epoch 1 of 2",
        "epoch 2 of 2",
        "Training ended",
    ]


def test_an_error_is_shown_and_raised_where_one_waits(dashboard, monkeypatch):
    def broken(*_, **options):
        raise UserError("It must <b>work</b>. Received: it does not.")

    monkeypatch.setattr(training_module, "train", broken)
    dashboard.start.click()
    with pytest.raises(UserError, match="It must"):
        dashboard.session.wait()
    wait_for(lambda: dashboard.messages.value)
    assert (
        "It must &lt;b&gt;work" in dashboard.messages.value and "failed" == dashboard.session.state
    )
    with pytest.raises(UserError, match="It must"):
        dashboard.train_as_text()


def follow(dashboard, monkeypatch, somebody=True, **environment):
    monkeypatch.setattr(kernel_waiting, "is_interactive", lambda: somebody)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    return dashboard.follow()


def test_a_cell_waits_for_start_and_for_the_end(dashboard, fake, monkeypatch):
    async def cell():
        waiting = asyncio.ensure_future(follow(dashboard, monkeypatch))
        await asyncio.sleep(0.1)
        assert not waiting.done()
        dashboard.start.click()
        return await waiting

    assert asyncio.run(cell()) == dashboard.run and dashboard.session.state == "ended"


def test_an_interrupt_of_the_waiting_cell_is_a_clean_stop(dashboard, fake, monkeypatch):
    dashboard.epochs.value = 10_000
    dashboard.start.click()
    wait_for(lambda: dashboard.session.history)

    async def cell():
        waiting = asyncio.ensure_future(follow(dashboard, monkeypatch))
        await asyncio.sleep(0.1)
        waiting.cancel()  # as ipykernel does
        return await waiting

    assert asyncio.run(cell()) == dashboard.run
    assert dashboard.session.state == "ended" and len(dashboard.session.history) < 10_000


def test_where_nobody_is_there_it_trains_and_prints(dashboard, fake, monkeypatch, capsys):
    assert not kernel_waiting.is_interactive()  # plain Python
    asyncio.run(follow(dashboard, monkeypatch, somebody=False))
    assert "epoch 2 of 2" in capsys.readouterr().out


def test_voila_does_not_wait(dashboard, monkeypatch):
    assert asyncio.run(follow(dashboard, monkeypatch, SERVER_SOFTWARE="voila/0.5")) is None


def test_only_what_cannot_wait_is_taken_out_of_an_old_kernels_queue(monkeypatch):
    dealt, left, parents = [], [], []

    class Queue(list):
        qsize, put_nowait = list.__len__, left.append

        def get_nowait(self):
            return self.pop(0)

    def queued(number, kind):
        async def dispatch(frames):
            dealt.append(number)

        header = types.SimpleNamespace(bytes=kind)
        return number, dispatch, (["identity", header],)  # as ipykernel 6 queues them

    kernel = types.SimpleNamespace(
        msg_queue=Queue(
            queued(number, kind)
            for number, kind in enumerate(
                ("execute_request", "comm_msg", "complete_request", "kernel_info_request")
            )
        ),
        session=types.SimpleNamespace(
            feed_identities=lambda frames, copy: (None, ["signature", frames[1]]),
            unpack=lambda header: {"msg_type": header},
        ),
        get_parent=lambda channel: "the cell",
        set_parent=lambda identity, parent, channel: parents.append(parent),
        _parent_ident={"shell": b""},
    )
    monkeypatch.setattr(kernel_waiting, "_find_kernel", lambda: kernel)
    asyncio.run(kernel_waiting.process_events())
    assert dealt == [1, 3] and [each[0] for each in left] == [0, 2] and parents == 2 * ["the cell"]


def test_a_dashboard_made_while_a_training_runs_takes_it_over(dashboard, fake, tmp_path):
    dashboard.epochs.value = 10_000
    dashboard.start.click()
    wait_for(lambda: dashboard.session.history)
    other = make(tmp_path)
    assert other.session is dashboard.session is find_running_session()
    assert "stop" in enabled(other) and other.epochs.value == 10_000
    other.stop.click()
    dashboard.session.wait()
    assert "Ended" in dashboard.status.value and "Ended" in other.status.value


def test_a_run_is_stopped_found_in_another_kernel_and_gone_on_with(dashboard, tmp_path):
    """No stand-in, and a new dashboard as a new kernel would make it."""
    dashboard.epochs.value = 1
    run = dashboard.train_as_text()
    assert dashboard.start_from.value == f"resume:{run.folder}" and dashboard.learning_rate.disabled
    assert "image" in dashboard.example.value
    dashboard.start.click()
    assert "Raise the epochs" in dashboard.messages.value
    assert dashboard.start.description == "Go on"
    dashboard.start_from.value = ""
    assert dashboard.start.description == "Start"
    (run.folder / "log.txt").write_text("")  # as if it had been cut off
    other = make(tmp_path, epochs=7)
    labels = [label for label, _ in other.start_from.options]
    assert f"continue {run.folder.name}: 1 epoch done" in labels
    other.start_from.value = f"resume:{run.folder}"
    assert other.epochs.value == 1 and "Press Go on." in other.status.value
    other.epochs.value = 2
    assert other.train_as_text().folder == run.folder
    assert [row["epoch"] for row in run.history] == [1, 2]
    assert "2 epochs" in other.plot().description


def test_a_run_that_was_cut_off_is_offered_and_gone_on_with(fake, tmp_path):
    """As after a reload of the page, which ends the kernel of an app."""
    run = make_run(tiny_settings(tmp_path / "runs", epochs=3), [make_blobs(1)], [make_blobs(2)])
    (run.folder / "checkpoints").mkdir()
    (run.folder / "checkpoints" / "epoch_00000_step_0000021.npz").touch()
    offering = make(tmp_path)
    said = offering.messages.value
    assert "was interrupted in epoch 1, saved at step 21. Resume goes on" in said
    assert enabled(offering) == {"start", "resume"}
    offering.resume.click()
    offering.session.wait()
    assert fake.calls == [(3, run.folder)]
    run.log("ended: all 3 epochs done")
    run.log("training with tensorflow from epoch 1, step 0")
    run.log("ended: all 3 epochs done")
    assert enabled(make(tmp_path)) == {"start"}


def test_a_run_in_another_page_is_not_called_interrupted(tmp_path):
    run = make_run(tiny_settings(tmp_path / "runs"), [make_blobs(1)], [make_blobs(2)])
    (run.folder / "checkpoints").mkdir()
    (run.folder / "checkpoints" / "epoch_00000_step_0000021.npz").touch()
    with hold_run(run):
        assert "is being trained by another" in make(tmp_path).messages.value


@pytest.mark.parametrize("name", ["epochs", "batch_size"])
@pytest.mark.parametrize("value", [-5, 0])
def test_a_number_that_is_not_possible_is_told_not_corrected(fake, tmp_path, name, value):
    dashboard = make(tmp_path)
    getattr(dashboard, name).value = value
    dashboard.start.click()
    assert f"{name} must be 1 or more. Received: {value}" in dashboard.messages.value
    assert getattr(dashboard, name).value == value and fake.calls == []


def test_another_network_brings_its_defaults_and_a_trained_one_its_shape(tmp_path):
    made = make(tmp_path, [make_family(1)], [make_family(2)])
    made.network.value = "division"
    assert (made.patch_shape.value, made.batch_size.value, made.learning_rate.value) == (
        "8, 32, 32",
        32,
        1e-3,
    )
    made.start_from.value = "division_small"
    assert made.learning_rate.value == 5e-4
    settings = made.choices.collect_settings()
    assert (settings.network, settings.start_from) == ("division", "division_small")
    made.start_from.value = ""
    assert made.choices.collect_settings().start_from is None


def test_values_that_cannot_work_are_said_at_the_start(dashboard):
    dashboard.patch_shape.value = "16, many"
    dashboard.start.click()
    assert "three sizes in voxels" in dashboard.messages.value and dashboard.session is None
    dashboard.patch_shape.value = "4 x 32 x 32"
    dashboard.learning_rate.value = 7.0
    dashboard.start.click()
    assert "learning_rate" in dashboard.messages.value
    dashboard.training_path.value = "/no/such.autlist"
    dashboard.learning_rate.value = 1e-3
    dashboard.start.click()
    assert "no/such.autlist" in dashboard.messages.value


def test_what_it_takes_follows_the_choices(dashboard, monkeypatch):
    monkeypatch.setattr(estimates, "measure_step_seconds", lambda *_: 1.5)  # 4 steps an epoch
    wait_for_timers()
    assert (
        "A batch of 4 patches of 4×32×32" in dashboard.estimate.value
        and "not measured" in dashboard.estimate.value
    )
    dashboard.batch_size.value = 2
    dashboard.measure_time.click()
    wait_for_timers()
    assert "2 epochs take about 12 s, without validation" in dashboard.estimate.value
    dashboard.epochs.value = 200
    wait_for_timers()
    assert "200 epochs take about 20 min, without" in dashboard.estimate.value
    dashboard.epochs.value = 1
    wait_for_timers()
    assert "1 epoch takes about 6 s, without" in dashboard.estimate.value


def test_the_bundled_samples_are_the_default_and_channels_are_offered(tmp_path):
    made = TrainingDashboard(output_folder=str(tmp_path))
    wait_for_timers()
    assert [label for label, _ in made.channels.options][1].startswith(
        "2 "
    ) and made.channels.value == (2, 3)
    assert made.training_path.value.endswith("training.autlist")
    assert made.choices.collect_settings().channels == (2, 3)


def test_a_state_is_restored(dashboard, tmp_path):
    dashboard.network.value = "link"
    dashboard.batch_size.value, dashboard.epochs.value = 3, 9
    state = dashboard.state()
    other = make(tmp_path)
    other.restore(state)
    assert other.state() == state and state["batch_size"] == 3


def test_work_is_done_once_after_a_burst_of_changes():
    done = []
    later = Later(lambda: done.append(1), seconds=0.5)
    for _ in range(5):
        later.ask()
    wait_for_timers()
    assert done == [1]
    later.ask()
    wait_for_timers()
    assert done == [1, 1]


def rows(count):
    return [
        {
            "epoch": n,
            "loss": 1 / n,
            "validation_loss": 1.2 / n,
            "validation_f1": None if n == 1 else 0.5,
            "best": True,
        }
        for n in range(1, count + 1)
    ]


def test_curves_are_well_formed_and_say_themselves_in_words():
    from xml.etree import ElementTree

    for history, losses in (
        ([], []),
        (rows(1), []),
        (rows(3), [(0.5, 1.0), (1.5, 0.6)]),
        (rows(300), [(300.0, 0.1)]),
    ):
        drawn = ElementTree.fromstring(
            draw_curves(history, losses, epochs=20, marked=2 if history else None)
        )
        assert drawn.get("role") == "img" and drawn.get("aria-label").startswith(
            ("Loss over", "No epoch is finished")
        )
    texts = [
        each.text
        for each in ElementTree.fromstring(draw_curves(rows(3), [(0.5, 1.0)], epochs=20)).iter(
            "text"
        )
    ]
    assert {
        "training",
        "validation",
        "single steps",
        "best epoch",
        "F1 in validation",
        "loss",
        "epoch",
    } <= set(texts)


def test_earlier_runs_lie_behind_the_curves(dashboard, fake):
    dashboard.start.click()
    dashboard.session.wait()
    assert ">earlier runs<" not in dashboard.curves.value
    dashboard.choices.histories = {"a run": rows(3), dashboard.run.folder: rows(2)}
    dashboard.show()
    drawn = dashboard.curves.value
    assert drawn.count(">earlier runs<") == 2  # once in each diagram
    assert drawn.index(">earlier runs<") < drawn.index(">training<")


def test_many_epochs_that_are_far_away_do_not_squeeze_the_curves():
    def last_number(history, epochs):
        numbers = re.findall(
            r'text-anchor="middle" fill="[^"]*">([0-9]+)<', draw_curves(history, epochs=epochs)
        )
        return max(map(int, numbers))

    assert (
        last_number(rows(3), 500) == 10
        and last_number(rows(20), 500) == 40
        and last_number(rows(3), 6) == 6
    )


def test_channels_that_the_movies_lack_are_named(tmp_path):
    dashboard = make(tmp_path, channels=(3,))
    assert (
        dashboard.channels.value == (1,) and "channels 3; these movies" in dashboard.messages.value
    )
    fitting = make(tmp_path, channels=(1,))
    assert not fitting.messages.value
