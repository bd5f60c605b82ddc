import threading
import time

import pytest

from organoid_kit import prediction
from organoid_kit.base.errors import UserError
from organoid_kit.dashboards.training.session import TrainingSession, find_running_session
from organoid_kit.training import loop as training_module
from organoid_kit.training.runs import Run
from training_helpers import make_blobs, tiny_settings


@pytest.fixture
def session(tmp_path):
    made = TrainingSession([make_blobs(1)], [make_blobs(2)], tiny_settings(tmp_path))
    yield made
    made.stop()
    made.resume()
    if made._thread:
        made._thread.join(60)


class FakeTraining:
    """Stands in for `train`: takes steps of no time, two for each epoch, and asks what a training
    asks.
    """

    def __init__(self, monkeypatch, folder):
        self.calls, self.folder = [], folder
        (folder / "run").mkdir()
        monkeypatch.setattr(training_module, "train", self)

    def __call__(
        self,
        training,
        validation,
        settings,
        *,
        resume,
        on_progress,
        should_stop,
        should_pause,
        find_epochs,
    ):
        self.calls.append((settings.epochs, resume))
        run, epoch = Run(self.folder / "run"), 0
        tell = lambda step, **more: on_progress(  # noqa: E731
            training_module.Progress(
                epoch, find_epochs(), step, 2, 0.5, seconds=10.0, run=run, **more
            )
        )
        while epoch < find_epochs() and not should_stop():
            for step in (1, 2):
                while should_pause() and not should_stop():
                    time.sleep(0.001)
                tell(step)
                time.sleep(0.001)
            epoch += 1
            tell(
                0,
                row={
                    "epoch": epoch,
                    "loss": 0.5,
                    "validation_loss": 0.5,
                    "best": epoch == 1,
                    "seconds": 4.0,
                },
            )
        tell(0, message="Training ended: the fake one.")
        return run


@pytest.fixture
def fake(monkeypatch, tmp_path):
    return FakeTraining(monkeypatch, tmp_path)


def wait_for(condition):
    for _ in range(3000):
        if condition():
            return
        time.sleep(0.01)
    raise AssertionError("it did not happen within 30 s")


def test_a_session_trains_to_the_end_and_tells_it(session, fake):
    told = []
    session.listeners.append(lambda: told.append(session.state))
    assert session.state == "ready" and session.seconds_left is None
    session.start()
    run = session.wait()
    assert run.folder == fake.folder / "run" and session.state == "ended" and not session.is_running
    assert [row["epoch"] for row in session.history] == [1, 2]
    assert [done for done, _ in session.losses] == [0.5, 1.0, 1.5, 2.0]
    assert [bool(each.row) for each in session.news] == [True, True, False]
    assert told[-1] == "ended" and set(told[:-1]) == {"training", "validating"}


def test_a_pause_holds_the_training_until_it_is_resumed(session, fake):
    session.epochs = 10_000
    session.start()
    wait_for(lambda: session.losses)
    session.pause()
    assert session.state in ("pausing", "paused")
    wait_for(lambda: session.state == "paused")
    time.sleep(0.02)
    taken = len(session.losses)
    time.sleep(0.1)
    assert len(session.losses) == taken
    session.resume()
    assert session.state == "training"
    wait_for(lambda: len(session.losses) > taken)


def test_a_stop_ends_a_pause_too_and_start_goes_on_in_the_same_run(session, fake):
    session.epochs = 10_000
    session.start()
    session.pause()
    wait_for(lambda: session.state == "paused")
    session.stop()
    session.wait()
    assert session.state == "ended"
    session.epochs = 3
    session.start()
    session.wait()
    assert fake.calls == [(10_000, None), (3, fake.folder / "run")]


def test_epochs_are_changed_on_the_way(session, fake):
    session.epochs = 10_000
    session.start()
    wait_for(lambda: session.history)
    session.epochs = len(session.history) + 50
    wait_for(lambda: session.progress.epochs < 10_000)
    session.epochs = 1
    session.wait()
    assert len(session.history) < 10_000
    with pytest.raises(UserError, match="epochs"):
        session.epochs = 0


def test_time_left_follows_the_last_epochs_and_the_epochs_wanted(session, fake):
    session.start()
    session.wait()
    assert session.seconds_left == 0
    session.epochs = 12
    assert session.seconds_left == pytest.approx(10 * 4.0)


def test_no_time_is_left_before_some_steps_were_timed(session):
    said = []
    for step, seconds in enumerate((90, 91, 92, 93, 94, 95, 96, 97), start=1):  # the first compiles
        session._note(training_module.Progress(0, 2, step, 10, 0.5, seconds=seconds))
        said.append(session.seconds_left)
    assert said[:6] == [None] * 6 and said[6:] == pytest.approx([13, 12])


def test_it_says_that_it_validates(session, monkeypatch):
    monkeypatch.setattr(TrainingSession, "is_running", True)
    told = []
    for step in (9, 10):
        session._note(training_module.Progress(0, 2, step, 10, 0.5))
        told.append(session.state)
    assert told == ["training", "validating"]


def test_an_error_is_kept_and_raised_by_wait(session, monkeypatch):
    def broken(*_, **options):
        raise UserError("It must work. Received: it does not.")

    monkeypatch.setattr(training_module, "train", broken)
    session.start()
    with pytest.raises(UserError, match="It must work"):
        session.wait()
    assert session.state == "failed" and isinstance(session.error, UserError)


def test_a_broken_view_never_ends_the_training(session, fake):
    session.listeners.append(lambda: 1 / 0)
    session.start()
    session.wait()
    assert len(session.history) == 2 and isinstance(session.view_error, ZeroDivisionError)


def test_one_training_at_a_time_and_it_can_be_found(session, fake, tmp_path):
    session.epochs = 10_000
    assert find_running_session() is None
    session.start()
    assert find_running_session() is session
    other = TrainingSession([make_blobs(1)], [], tiny_settings(tmp_path))
    with pytest.raises(UserError, match="One training at a time"):
        other.start()
    session.stop()
    session.wait()
    assert find_running_session() is None


def test_a_real_training_is_stopped_in_its_thread_and_gone_on_with(session, tmp_path):
    """No stand-in: what the session passes on is what `train` takes."""
    stepped = threading.Event()
    session.listeners.append(lambda: session.losses and stepped.set())
    session.start()
    assert stepped.wait(120)
    session.stop()
    run = session.wait()
    assert run.ending.startswith("stopped on request") or run.ending.startswith("all 2 epochs")
    session.start()
    assert session.wait().folder == run.folder
    assert [row["epoch"] for row in run.history] == [1, 2] and session.history == run.history


def test_a_fine_tuned_network_is_compared_by_itself(monkeypatch, tmp_path):
    FakeTraining(monkeypatch, tmp_path)
    judged = []
    monkeypatch.setattr(
        prediction, "judge_run", lambda run, *movies: judged.append(movies) or "Use the old one."
    )
    settings = tiny_settings(tmp_path, epochs=1)
    for start, expected in ((None, []), ("position_small", [(["a"], ["b"])])):
        session = TrainingSession(["a"], ["b"], settings.changed(start_from=start))
        states = []
        session.listeners.append(lambda: states.append(session.state))  # noqa: B023
        session.start()
        session.wait()
        assert judged == expected and ("judging" in states) == bool(start)
    assert session.news[-1].message == "Use the old one." and session.state == "ended"
