"""Looking at all images for problems, in a thread that can be stopped."""

from __future__ import annotations

import dataclasses
import itertools
import sys
import threading
from collections.abc import Callable, Sequence

import numpy as np

from organoid_kit.dashboards.annotation_editing import ImageProblems, find_image_problems
from organoid_kit.dashboards.common import Messages
from organoid_kit.data import Annotations, TimeLapse
from organoid_kit.plots.drawing import count


class ImageCheck:
    """Looks for positions beside their nucleus, nuclei without one, images that show nothing.

    Args:
        movie: whose images are read.
        channels: which show the nuclei, counted from 1; several are summed.
        messages: where errors appear.
        tell: called from the thread when `text` changes.

    Attributes:
        found: what was found last.
        text: how far it is, in words.
    """

    def __init__(
        self,
        movie: TimeLapse,
        channels: Sequence[int],
        messages: Messages,
        tell: Callable[[], None],
    ) -> None:
        self._movie, self._channels = movie, tuple(channels)
        self._messages, self._tell = messages, tell
        self._thread: threading.Thread | None = None
        self._stopping = threading.Event()
        self.found = ImageProblems()
        self.text = "Positions and links are checked after each change. "
        self.text += "Images were not looked at yet."

    @property
    def is_running(self) -> bool:
        """Whether it looks now."""
        return self._thread is not None and self._thread.is_alive()

    def start(
        self, annotations: Annotations, numbers: np.ndarray, ended: Callable[[], None]
    ) -> None:
        """Begins. On Colab, where threads cannot show anything, it is waited for.

        Args:
            annotations: of an editor, as they are now.
            numbers: of the same editor.
            ended: called when all is seen.
        """
        self._stopping.clear()
        what = (annotations, numbers, ended)
        self._thread = threading.Thread(target=self._work, args=what, daemon=True)
        self._thread.run() if "google.colab" in sys.modules else self._thread.start()

    def stop(self) -> None:
        """Ends before the next image."""
        self._stopping.set()

    def wait(self, seconds: float = 60) -> bool:
        """Waits for the end; whether it came."""
        if self.is_running:
            self._thread.join(seconds)
        return not self.is_running

    def _work(
        self, annotations: Annotations, numbers: np.ndarray, ended: Callable[[], None]
    ) -> None:
        times = np.intersect1d(annotations.annotated_time_points, self._movie.time_points)
        seen = itertools.count()  # stacks, one for each channel of a time point

        def read_stack(time_point: int, channel: int) -> np.ndarray:
            if self._stopping.is_set():
                raise _Stopped
            number = min(next(seen) // len(self._channels) + 1, len(times))
            self.text = f"Looking at image {number} of {len(times)} …"
            self._tell()
            return self._movie.read_stack(time_point, channel)

        movie = dataclasses.replace(self._movie, read_stack=read_stack)
        with self._messages.catch():
            try:
                self.found = find_image_problems(annotations, numbers, movie, self._channels)
                self.text = f"The images of {count(len(times), 'time point')} were looked at."
            except _Stopped:
                self.text = "Looking at the images was stopped."
        ended()


class _Stopped(Exception):
    """The user no longer waits."""
