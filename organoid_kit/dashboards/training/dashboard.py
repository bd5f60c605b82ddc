"""Training with buttons: set up, start, pause, change, stop, go on, and watch what is learned."""

import asyncio
import os
import time
from pathlib import Path

from organoid_kit.base import NetworkSettings, files, refuse_if
from organoid_kit.dashboards.parts import Dashboard, common, kernel_waiting
from organoid_kit.dashboards.parts.dashboard import CONTROLS
from organoid_kit.dashboards.training import pictures, session as sessions
from organoid_kit.dashboards.training.choices import Data, TrainingChoices
from organoid_kit.plots import Drawing, plot_history
from organoid_kit.training import Run, describe_history
from organoid_kit.training.epoch_pictures import list_pictures, read_picture
from organoid_kit.training.runs import format_duration

_REDRAW_SECONDS = 0.5  # between two redrawings while steps are taken
_MOST_EARLIER = 5  # runs drawn behind the curves
_BUTTONS = tuple(CONTROLS["training: buttons"])
# Of each `TrainingSession.state` what is said, whether it runs, and what can be pressed.
_STATES = files.read_json(Path(__file__).with_name("states.json"))


class TrainingDashboard(Dashboard):
    """Trains a network in a thread while the notebook stays usable.

    The run survives browser and kernel. In a notebook, show it and let its cell wait: ``await
    dashboard.follow()``. Without widgets: ``dashboard.train_as_text()``. A dashboard that is made
    while a training runs takes that one over.

    Movies may be given as paths of an .autlist; None: the bundled samples. The controls start with
    `settings`; runs are kept, and found, in `output_folder`.

    Attributes:
        choices: network, data and settings; each of its controls is an attribute here, too.
        start, pause, resume, stop: the buttons.
        session: the training; None before the first start.
    """

    kept, shows_errors = TrainingChoices.kept, True

    def __init__(
        self,
        training: Data = None,
        validation: Data = None,
        settings: NetworkSettings | None = None,
        *,
        output_folder: str = "runs",
    ) -> None:
        self.choices = TrainingChoices(training, validation, settings, output_folder, self.messages)
        for name in (*self.kept, "measure_time", "estimate"):
            setattr(self, name, getattr(self.choices, name))
        self.session: sessions.TrainingSession | None = None
        self._shown, self._shown_at = (), 0.0
        buttons = self._add_controls("training: buttons").children
        for name, button in zip(_BUTTONS, buttons):
            button.on_click(lambda _, name=name: self._press(name))
        watched = self._add_controls("training: watched").children
        super().__init__([self.choices, common.wrap_row(*buttons), self.messages, *watched])
        self._connect(self._change_epochs, self.epochs)
        self._connect(self.show, self.start_from)
        self._interrupted = None  # a run that was cut off, as when the page was reloaded
        if running := sessions.find_running_session():
            self._attach(running)
        elif found := sessions.find_interrupted(output_folder):
            self._interrupted, said = found
            self.messages.say(f"{said} Resume goes on with it.")
        self.show()

    def _press(self, name: str) -> None:
        if name != "start" and self.session:
            getattr(self.session, name)()  # at once, whatever else is being dealt with
        with self.messages.watch():
            if name == "resume" and not self.session:
                self.choices.resume_run(self._interrupted)
            if name == "start" or not self.session:
                self._start()
            self.show()

    def _start(self) -> None:
        settings, resume = self.choices.collect_settings(), self.choices.resume
        done = len(Run(resume).history) if resume else -1
        refuse_if(done >= settings.epochs, "epochs", done=done, wanted=settings.epochs)
        if not (resume and self.run and self.run.folder == resume):
            movies = [self.choices.read_movies(part) for part in ("training", "validation")]
            self._attach(sessions.TrainingSession(*movies, settings, resume=resume))
        self.session.epochs = settings.epochs
        self.messages.kind = self.messages.value = ""  # what was said of an earlier end
        self.session.start()

    def _attach(self, session: sessions.TrainingSession) -> None:
        if self.session:
            self.session.listeners.remove(self._listen)
        self.session, self._shown = session, ()
        session.listeners.append(self._listen)
        if session.is_running:
            self.choices.show(session.settings)

    def _change_epochs(self) -> None:
        if self.session and self.session.is_running:
            self.session.epochs = self.epochs.value
            self.show()

    def _listen(self) -> None:
        """In the thread, after each step: shows what is new, no more often than people can see.

        What is skipped, as something else is dealt with, is shown after a later step.
        """
        session = self.session
        is_new = (session.state, len(session.news)) != self._shown
        if is_new or time.monotonic() - self._shown_at > _REDRAW_SECONDS:
            waits = session.state == "paused" or not session.is_running
            if common.handler_lock.acquire(blocking=waits):
                try:
                    self.show()
                finally:
                    common.handler_lock.release()
        if not session.is_running:
            self._announce_end()

    def show(self) -> None:
        """Brings all that is shown up to date."""
        with self.messages.watch(keep=True):
            session = self.session
            signs = (session.state, len(session.news)) if session else ("ready", 0)
            self._show_status(signs[0])
            if session:
                known, own = self.choices.histories, session.run and session.run.folder
                earlier = [known[run] for run in known if run != own][:_MOST_EARLIER]
                what = {"epochs": session.epochs, "earlier": earlier}
                self.curves.value = pictures.draw_curves(session.history, session.losses, **what)
                if signs != self._shown:
                    self._show_news()
            self._shown, self._shown_at = signs, time.monotonic()

    def _show_status(self, state: str) -> None:
        offered = ["resume"] if self._interrupted and not self.session else []
        for name in _BUTTONS:
            getattr(self, name).disabled = name not in _STATES[state]["buttons"] + offered
        self.choices.lock(running=_STATES[state]["running"])
        self.start.description = start = "Go on" if self.choices.resume else "Start"
        session, words = self.session, _STATES[state]["text"].format(start=start)
        if session and session.progress:
            self.bar.value = min(1.0, session.epochs_done / session.epochs)
            words = f"{words} {_describe_progress(session)}"
        self.status.value = common.make_status(words)

    def _show_news(self) -> None:
        session = self.session
        self.reading.value = common.make_status("", bold=describe_history(session.history))
        texts = dict.fromkeys(news.message for news in session.news if news.message)
        lines = [common.make_status(text, role="note") for text in list(texts)[-4:]]
        self.news.value = "".join(lines)
        if session.run and (epochs := list_pictures(session.run.folder)):
            self.example.value = pictures.draw_example(read_picture(session.run.folder, epochs[-1]))

    def _announce_end(self) -> None:
        """How the training ended; the run is chosen to be continued."""
        session = self.session
        with self.messages.watch(keep=True):
            if session.run and session.run.folder.is_dir():
                self.choices.offer_starts(session.run)
                self.epochs.value = session.epochs
            if session.error:
                self.messages.fail(session.error)
            elif session.run:
                is_done = len(session.history) >= session.epochs
                more = ("Go on continues it", "To go on, raise the epochs and press Go on")[is_done]
                self.messages.say(f"{session.news[-1].message.rstrip('.')}. {more}.")

    @property
    def run(self) -> Run | None:
        """The run of the training; None before there is one."""
        return self.session.run if self.session else None

    async def follow(self) -> Run | None:
        """Lets a cell wait for Start and for the end of the training, so that later cells wait, too.

        Widgets go on working, also in kernels of version 6 such as Google Colab's. An interrupt
        stops the training; it can be continued. Where nobody can press Start (nbclient, papermill),
        it trains and prints; Voila shows nothing before all cells have ended: there it returns.
        Returns the run, or None where none was started; raises whatever ended the training.
        """
        if os.environ.get("SERVER_SOFTWARE", "").startswith("voila/"):
            return self.run
        if not kernel_waiting.is_interactive():
            return self.train_as_text()
        kernel_waiting.enable_live_events()
        try:
            while self.session is None or self.session.is_running:
                await kernel_waiting.process_events()
        except (KeyboardInterrupt, asyncio.CancelledError):
            if self.session:
                self.session.stop()
                self.show()
            while self.session and self.session.is_running:
                await kernel_waiting.process_events()
        return self.session.wait() if self.session else None

    def train_as_text(self) -> Run | None:
        """Trains with what is chosen, and prints a line for each epoch. Ctrl-C stops."""
        if not (self.session and self.session.is_running):
            self._start()
        printed = 0
        while self.session.is_running or printed < len(self.session.news):
            try:
                for progress in self.session.news[printed:]:
                    sessions.load_training().print_progress(progress)
                    printed += 1
                time.sleep(0.1)
            except KeyboardInterrupt:
                self.session.stop()
        return self.session.wait()

    def plot(self) -> Drawing:
        """The curves for print; its description says how the training goes."""
        history = self.session.history if self.session else []
        return plot_history(history, title=self.session.name if self.session else "")


def _describe_progress(session: sessions.TrainingSession) -> str:
    progress, left = session.progress, session.seconds_left
    words = f"Epoch {min(progress.epoch + 1, session.epochs)} of {session.epochs}"
    words += f", step {progress.step} of {progress.steps}"
    if session.losses:
        words += f", loss {session.losses[-1][1]:.4f}"
    if session.is_running and left is not None:
        words += f", about {format_duration(left)} left"
    return f"{words}."
