"""Work that keeps nobody waiting: done in a thread, once changes have stopped for a moment."""

import threading
from collections.abc import Callable


class Later:
    """Calls a function in a thread when nothing changed for so many seconds; one call at a time.

    The function shows its own errors.
    """

    def __init__(self, function: Callable[[], None], seconds: float = 0.3) -> None:
        self.function, self.seconds = function, seconds
        self._asked = self._current = self._done = 0
        self._ended, self._working = threading.Condition(), threading.Lock()

    def ask(self) -> None:
        """Something changed."""
        with self._ended:
            self._asked += 1
            timer = threading.Timer(self.seconds, self._work, [self._asked])
        timer.daemon = True
        timer.start()

    @property
    def is_newest(self) -> bool:
        """Whether nothing changed since the call under way began."""
        return self._asked == self._current

    def wait(self, seconds: float = 60) -> bool:
        """Waits until all is done; whether it is."""
        with self._ended:
            return self._ended.wait_for(lambda: self._done >= self._asked, seconds)

    def _work(self, number: int) -> None:
        with self._working:
            self._current = number
            if self.is_newest:
                self.function()
        with self._ended:
            self._done = max(self._done, number)
            self._ended.notify_all()
