"""Looking at all images for problems, in a thread that can be stopped."""

from __future__ import annotations

import dataclasses
import sys
import threading
from collections.abc import Callable, Sequence

import numpy as np

from organoid_kit.dashboards.annotation_editing import ImageProblems, find_image_problems
from organoid_kit.dashboards.common import Messages
from organoid_kit.data.annotations import Annotations
from organoid_kit.data.timelapse import TimeLapse
from organoid_kit.plots.drawing import count


class ImageCheck:
    """Looks for problems of images: positions beside their nucleus, nuclei without one, images that
    show nothing.

    Args:
        movie: whose images are read.
        channels: which show the nuclei, counted from 1; several are summed.
        messages: where errors appear.
        tell: called after each step, when `text` is another than before; from the thread.

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
        self._movie, self._channels, self._messages, self._tell = (
            movie,
            tuple(channels),
            messages,
            tell,
        )
        self._thread: threading.Thread | None = None
        self._stopping = threading.Event()
        self.found = ImageProblems()
        self.text = (
            "Positions and links are checked after each change. Images were not looked at yet."
        )

    @property
    def is_running(self) -> bool:
        """Whether it looks now."""
        return self._thread is not None and self._thread.is_alive()

    def start(
        self, annotations: Annotations, numbers: np.ndarray, ended: Callable[[], None]
    ) -> None:
        """Begins, and calls `ended` when all is seen. On Colab, where threads cannot show anything,
        it is waited for.

        Args:
            annotations: of an editor, as they are now.
            numbers: of the same editor.
            ended: takes nothing.
        """
        self._stopping.clear()
        self._thread = threading.Thread(
            target=self._work, args=(annotations, numbers, ended), daemon=True
        )
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
        times = len(np.intersect1d(annotations.annotated_time_points, self._movie.time_points))
        with self._messages.catch():
            try:
                movie = _report_stacks(
                    self._movie, lambda read: self._progress(read // len(self._channels), times)
                )
                self.found = find_image_problems(annotations, numbers, movie, self._channels)
                self.text = f"The images of {count(times, 'time point')} were looked at."
            except _Stopped:
                self.text = "Looking at the images was stopped."
        ended()

    def _progress(self, seen: int, times: int) -> None:
        if self._stopping.is_set():
            raise _Stopped
        self.text = f"Looking at image {min(seen + 1, times)} of {times} …"
        self._tell()


class _Stopped(Exception):
    """The user no longer waits."""


def _report_stacks(movie: TimeLapse, tell: Callable[[int], None]) -> TimeLapse:
    """The movie, which tells before each stack how many were read."""
    read = iter(range(sys.maxsize))

    def read_stack(time_point: int, channel: int) -> np.ndarray:
        tell(next(read))
        return movie.read_stack(time_point, channel)

    return dataclasses.replace(movie, read_stack=read_stack)
