"""When a training waits and when it ends, and the clock by which that is decided."""

import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from organoid_kit.training.steps import Learner

_LOOK_SECONDS = 0.05  # a paused training looks this often whether it may go on


@dataclass
class Control:
    """What decides when a training waits and ends; it counts the seconds, pauses left out.

    `should_stop` and `should_pause` are asked after every step, `before_pause` is done first.
    """

    learner: Learner
    should_stop: Callable[[], bool]
    should_pause: Callable[[], bool]
    before_pause: Callable[[], None]
    interrupted: threading.Event
    counted: float = field(default_factory=lambda: time.monotonic())  # when the clock was last read

    def find_end(self) -> str:
        """Why training should end now; empty if it should not. Noted in the state."""
        state, settings = self.learner.state, self.learner.settings
        epochs = self.learner.find_epochs()
        if state.epoch >= epochs:
            state.finished = f"all {epochs} epochs done"
        elif state.epochs_since_best >= settings.patience and state.step == 0:
            state.finished = f"validation has not improved for {settings.patience} epochs"
        elif settings.minutes is not None and state.seconds >= 60 * settings.minutes:
            state.finished = f"the time budget of {settings.minutes:g} minutes is used up"
        else:
            state.finished = self.find_stop_request()
        return state.finished

    def find_stop_request(self) -> str:
        """Who asks for an end now; empty if nobody does. Waits here while training is paused."""
        if self.should_pause() and not self._get_stop_reason():
            self.count_time()
            self.before_pause()
            while self.should_pause() and not self._get_stop_reason():
                time.sleep(_LOOK_SECONDS)
            self.counted = time.monotonic()
        return self._get_stop_reason()

    def _get_stop_reason(self) -> str:
        if self.interrupted.is_set():
            return "interrupted"
        return "stopped on request" if self.should_stop() else ""

    def count_time(self) -> None:
        """Adds the seconds since this was last called."""
        state, now = self.learner.state, time.monotonic()
        state.seconds += now - self.counted
        state.seconds_of_epoch += now - self.counted
        self.counted = now


@contextmanager
def delay_interrupts() -> Iterator[threading.Event]:
    """An event that Ctrl-C or the kernel's stop button sets; the second press interrupts at once.

    Between the change of the weights and the counting of the step, an interrupt would spoil what is
    saved. Only the main thread gets any.
    """
    interrupted = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield interrupted
        return

    def note(number, frame):
        if interrupted.is_set():
            raise KeyboardInterrupt
        interrupted.set()

    before = signal.signal(signal.SIGINT, note)
    try:
        yield interrupted
    finally:
        signal.signal(signal.SIGINT, before or signal.default_int_handler)
