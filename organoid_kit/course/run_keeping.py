"""Runs kept where they outlive this machine: Colab forgets its files as soon as it disconnects,
Google Drive does not.

A training writes to this machine, as always. From time to time the whole run folder is packed into
one file, and that is copied to the folder for keeping, wholly or not at all. The newest two copies
stay there. The name of a copy says how far the run was, so that nothing is ever replaced by
something older.
"""

from __future__ import annotations

import errno
import filecmp
import json
import math
import re
import shutil
import tempfile
import time
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timezone
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from organoid_kit.base.errors import UserError
from organoid_kit.base.files import write_safely
from organoid_kit.training.checkpoints import list_checkpoints
from organoid_kit.training.runs import Run

if TYPE_CHECKING:
    from organoid_kit.training.loop import Progress

DRIVE = Path("/content/drive")  # where Colab shows it
_ON_DRIVE = Path("MyDrive/organoid_kit_runs")
_NAME = re.compile(r"(epoch_(\d+)_step_(\d+))_at_\d+\.zip")
_START = "epoch_00000_step_0000000"
_KEPT = 2  # copies of a run; with one damaged, the other still serves
_FULL = (errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC))
_LEFTOVER_SECONDS = (
    3600  # what a killed copy left is removed when nobody can be writing to it any more
)


def open_backup_folder(keep_in: str | Path | None) -> Path | None:
    """The folder for keeping; Google Drive is mounted if it is asked for, which Colab confirms with
    you.

    Args:
        keep_in: "drive" on Colab, a folder anywhere, or None to keep nothing.

    Raises:
        UserError: there is no Drive here, or it was not allowed.
    """
    if keep_in is None:
        return None
    return mount_drive() / _ON_DRIVE if str(keep_in).lower() == "drive" else Path(keep_in)


def mount_drive() -> Path:
    """Mounts Google Drive, on Colab.

    Raises:
        UserError: this is not Colab, or it was not allowed.
    """
    try:
        import_module("google.colab.drive").mount(str(DRIVE))
    except ImportError as error:
        raise UserError(
            'Google Drive is mounted on Colab only. Received: keep_in="drive" on another machine. '
            "Name a folder that is backed up, or None."
        ) from error
    except Exception as error:  # Colab raises several kinds when permission is refused
        raise UserError(
            f"Google Drive must allow Colab to write. Received: {error}. Run the cell again and agree to what Google "
            "asks, or set keep_in to None."
        ) from error
    return DRIVE


@dataclass
class BackupWriter:
    """Keeps runs while they are trained. A place that is full or gone never ends a training; it is
    told once.

    ``train(…, on_progress=keeper.watch(print_progress))``, and `keep` after whatever changes a run
    later.

    Attributes:
        folder: for keeping; None keeps nothing.
        every_minutes: so often at most while a training runs. At its end it is kept in any case.
        say: told what went wrong, and when it is right again.
    """

    folder: Path | None
    every_minutes: float = 5.0
    say: Callable[[str], None] = print
    _tried: float = field(default=-math.inf, init=False)
    _seen: str = field(default="", init=False)
    _told: str = field(default="", init=False)

    def watch(self, on_progress: Callable[[Progress], None]) -> Callable[[Progress], None]:
        """The same listener to a training; it now also keeps the run."""

        def note(progress: Progress) -> None:
            on_progress(progress)
            if self.folder is not None and progress.run is not None and self._is_due(progress):
                self._tried, self._seen = time.monotonic(), find_newest_state(progress.run.folder)
                self.keep(progress.run)

        return note

    def keep(self, run: Run) -> bool:
        """Copies a run as it is now, unless its copy is as new.

        Returns:
            whether there is a copy now of the run as it is.
        """
        if self.folder is None:
            return False
        name, place = _name_copy(run.folder), self.folder / run.folder.name
        try:
            newest = _find_newest_copy(place, at_least=name)
            if newest is None:
                _copy(run.folder, place / name)
                _remove_old_copies(place, name)
        except (OSError, UserError) as error:
            self._tell(*_describe_failure(error, run.folder, self.folder))
            return False
        if newest and _read_state(newest) > _read_state(place / name):
            self._tell(
                "ahead",
                f"In {place} this run is further. It stays as it is; `restore_run` brings it here.",
            )
            return False
        if self._told:
            self.say(f"The run is kept in {place} now.")
        self._told = ""
        return True

    def _is_due(self, progress: Progress) -> bool:
        """At the end of a training, and where there is a new checkpoint and the last copy is some
        time ago.
        """
        if progress.message:
            return bool(progress.run.ending)
        waited = time.monotonic() - self._tried >= 60 * self.every_minutes
        return waited and find_newest_state(progress.run.folder) != self._seen

    def _tell(self, trouble: str, message: str) -> None:
        """Says what is wrong, unless that was said last."""
        if trouble != self._told:
            self.say(message)
        self._told = trouble


@dataclass(frozen=True)
class RunBackup:
    """A run in the folder for keeping.

    Attributes:
        name: of the run's folder.
        copy: the newest that is whole; None where all are damaged.
        epoch: finished epochs.
        step: finished steps of the next one.
        epochs: how many it was meant to have.
        network: which of the three it is.
    """

    name: str
    copy: Path | None
    epoch: int = 0
    step: int = 0
    epochs: int = 0
    network: str = ""

    def __str__(self) -> str:
        if self.copy is None:
            return f"{self.name}: all copies are damaged"
        return f"{self.name}: {self.network} network, {self.epoch} of {self.epochs} epochs"


def list_backups(folder: str | Path) -> list[RunBackup]:
    """What is in a folder for keeping, oldest run first; each with its newest copy that is whole."""
    places = sorted(
        {path.parent for path in Path(folder).glob("*/*.zip") if _NAME.fullmatch(path.name)}
    )
    return [_describe(place) for place in places]


def restore_run(kept: RunBackup, output_folder: str | Path) -> Run:
    """Unpacks a kept run, to go on with it: ``train(…, resume=run.folder)``.

    A run of that name that is here already, and as far, is taken as it is.

    Args:
        kept: from `list_backups`.
        output_folder: where runs lie on this machine.

    Raises:
        UserError: its copies are damaged, the run is here and less far, or there is no room.
    """
    folder = Path(output_folder) / kept.name
    if kept.copy is None:
        raise UserError(
            f"A run comes back from a copy that is whole. Received: only damaged ones, of {kept.name}. Look in Drive's "
            "bin for an older copy, or train again."
        )
    if folder.exists():
        return _reuse_existing(Run(folder), kept.copy)
    with write_safely(folder) as temporary, zipfile.ZipFile(kept.copy) as file:
        file.extractall(temporary)
    return Run(folder)


def find_newest_state(folder: Path) -> str:
    """How far a run folder is: the name of its newest checkpoint, without the end. Later ones are
    larger.
    """
    newest = list_checkpoints(folder / "checkpoints")[:1]
    return newest[0].stem if newest else _START


def is_intact(path: Path) -> bool:
    """Whether a copy can be unpacked: all is there, and each file agrees with its checksum."""
    try:
        with zipfile.ZipFile(path) as file:
            return "run.json" in file.namelist() and file.testzip() is None
    except (
        Exception
    ):  # damaged bytes can be anything: another compression, encryption, a file without end
        return False


def _reuse_existing(run: Run, copy: Path) -> Run:
    here, there = find_newest_state(run.folder), _read_state(copy)
    if here >= there:
        return run
    raise UserError(
        f"Nothing is overwritten. Received: {run.folder}, which is here already, but less far ({here}) than its copy "
        f"({there}). Move that folder elsewhere, then bring the run back."
    )


def _name_copy(folder: Path) -> str:
    """How far the run is, and when something in it was changed last: a threshold chosen later
    counts, too.
    """
    changed = max(path.stat().st_mtime for path in _list_files(folder))
    return f"{find_newest_state(folder)}_at_{datetime.fromtimestamp(changed, timezone.utc):%Y%m%d%H%M%S%f}.zip"


def _read_state(copy: Path) -> str:
    return _NAME.fullmatch(copy.name)[1]


def _list_files(folder: Path) -> list[Path]:
    """All that belongs to a run; not what is just being written."""
    files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    return [
        path
        for path in files
        if not any(part.startswith(".") for part in path.relative_to(folder).parts)
    ]


def _list_copies(place: Path) -> list[Path]:
    """Newest first."""
    found = [path for path in place.glob("*.zip") if _NAME.fullmatch(path.name)]
    return sorted(found, key=lambda path: path.name, reverse=True)


def _find_newest_copy(place: Path, at_least: str = "") -> Path | None:
    return next(
        (path for path in _list_copies(place) if path.name >= at_least and is_intact(path)), None
    )


def _copy(folder: Path, target: Path) -> None:
    """Packs a run here, copies the pack and reads it again; under its name it appears when all of
    it is there.
    """
    with tempfile.TemporaryDirectory() as temporary:
        pack = Path(temporary) / target.name
        with zipfile.ZipFile(pack, "w", strict_timestamps=False) as file:
            for path in _list_files(folder):
                file.write(path, path.relative_to(folder).as_posix())
        _check_free_space(target, pack.stat().st_size)
        with write_safely(target, overwrite=True) as written:
            shutil.copyfile(pack, written)
            if not filecmp.cmp(pack, written, shallow=False):
                raise OSError(errno.EIO, "what is read there is not what was written")


def _check_free_space(target: Path, size: int) -> None:
    """Google Drive takes more than it has room for, and loses it later without a word: so it is
    asked before.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(target.parent).free
    if free < size:
        raise OSError(errno.ENOSPC, f"{_format_size(size - free)} too little")


def _remove_old_copies(place: Path, newest: str) -> None:
    """All but the newest, which was read again and is whole, and the one before; and what killed
    copies left.
    """
    older = [path for path in _list_copies(place) if path.name < newest]
    for path in older[_KEPT - 1 :]:
        path.unlink(missing_ok=True)
    for leftover in place.glob(".writing-*"):
        if time.time() - leftover.stat().st_mtime > _LEFTOVER_SECONDS:
            shutil.rmtree(leftover, ignore_errors=True)


def _describe_failure(error: Exception, run: Path, keeping: Path) -> tuple[str, str]:
    """The kind of trouble, and a message."""
    cause = error.__cause__ if isinstance(error.__cause__, OSError) else error
    reason = getattr(cause, "strerror", None) or str(cause)
    goes_on = f"Training goes on, and is safe on this machine as long as that runs: {run}. Copying is tried again."
    if getattr(cause, "errno", None) in _FULL:
        size = _format_size(sum(path.stat().st_size for path in _list_files(run)))
        room = f"a copy of this run takes {size}; free some room, Drive's bin counts, too"
        return "full", f"{keeping} is full: {reason}; {room}. {goes_on}"
    return "failed", f"This run could not be kept in {keeping}: {reason}. {goes_on}"


def _format_size(size: int) -> str:
    return f"{size / 1e6:.1f} MB"


def _describe(place: Path) -> RunBackup:
    copy = _find_newest_copy(place)
    if copy is None:
        return RunBackup(place.name, None)
    with zipfile.ZipFile(copy) as file:
        settings = json.loads(file.read("settings.json"))
    _, epoch, step = _NAME.fullmatch(copy.name).groups()
    return RunBackup(
        place.name, copy, int(epoch), int(step), settings["epochs"], settings["network"]
    )
