"""One training at a time goes on with a run; a mark in its folder says which.

A mark of a process that has ended, or of another machine, is replaced: it must not bar the way after
a kill. Who finds the mark of another where its own was, ends before it writes anything.
"""

import os
import platform
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from organoid_kit.base import UserError, files, make_error
from organoid_kit.training.runs import Run

_MARK = ".in_use"  # hidden, so that no copy of the run has it


@contextmanager
def hold_run(run: Run) -> Iterator[Callable[[], None]]:
    """Marks a run as in use; yields a check. Both raise UserError where it is not ours, or is gone."""
    path, mark = run.folder / _MARK, f"{os.getpid()}@{platform.node()} {uuid.uuid4().hex}"

    def explain(received: str) -> UserError:
        return make_error("run in use", run.folder, received=received)

    def check() -> None:
        if not (run.folder / "run.json").is_file():
            raise explain("the folder was moved or deleted")
        if path.exists() and files.read_text(path) != mark:
            raise explain("another training has taken it over, perhaps on another machine")

    if is_in_use(run):
        raise explain(f"process {files.read_text(path).partition('@')[0]} trains it")
    files.write_text_safely(path, mark, overwrite=True)
    try:
        yield check
    finally:
        if path.exists() and files.read_text(path) == mark:
            path.unlink()


def is_in_use(run: Run) -> bool:
    """Whether a process of this machine trains it."""
    path = run.folder / _MARK
    return path.exists() and files.is_alive(path, files.read_text(path).partition(" ")[0])
