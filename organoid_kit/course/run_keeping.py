"""Runs kept where they outlive this machine: Colab forgets its files, Google Drive does not.

A training writes to this machine, as always. From time to time its run folder is packed into one
file, which is copied to the folder for keeping, wholly or not at all. The newest two copies stay
there. The name of a copy says how far the run was, so nothing is replaced by something older.
"""

import errno
import filecmp
import json
import math
import re
import shutil
import tempfile
import time
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from typing import Any

from organoid_kit.base import NetworkSettings, UserError, files, make_error, refuse_if
from organoid_kit.training import Run, checkpoints

DRIVE = Path("/content/drive")  # where Colab shows it
_NAME = re.compile(r"(epoch_(\d+)_step_(\d+))_at_(\d+)\.zip")
_KEPT = 2  # copies of a run; with one damaged, the other still serves
_FULL = (errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC))
Listener = Callable[[Any], None]  # takes a `Progress` of a training


def open_backup_folder(keep_in: str | Path | None) -> Path | None:
    """The folder for keeping: "drive" on Colab, a folder anywhere, or None to keep nothing. Google
    Drive is mounted, which Colab confirms with you. Raises UserError where that fails.
    """
    if keep_in is None or str(keep_in).lower() != "drive":
        return None if keep_in is None else Path(keep_in)
    try:
        import_module("google.colab.drive").mount(str(DRIVE))
    except ImportError as error:
        raise make_error("drive on Colab", keep_in) from error
    except Exception as error:  # Colab raises several kinds when permission is refused
        raise make_error("drive allowed", keep_in, error=error) from error
    return DRIVE / "MyDrive" / "organoid_kit_runs"


@dataclass
class BackupWriter:
    """Keeps runs during ``train(…, on_progress=keeper.watch(print_progress))``; if that fails, it
    says so once and training goes on. `keep` is for runs that change later.
    """

    folder: Path | None  # for keeping; None keeps nothing
    every_minutes: float = 5.0  # between copies; at its end a training is always kept
    say: Callable[[str], None] = print  # told what went wrong, and when it is right again
    _tried: float = field(default=-math.inf, init=False)
    _seen: str = field(default="", init=False)
    _told: str = field(default="", init=False)

    def watch(self, on_progress: Listener) -> Listener:
        """The same listener to a training; it now also keeps the run."""

        def note(progress: Any) -> None:
            on_progress(progress)
            if self.folder is None or (run := progress.run) is None:
                return
            # a new checkpoint, some time after the last copy; or the end of a training
            waited = time.monotonic() - self._tried >= 60 * self.every_minutes
            is_new = waited and _find_newest_state(run.folder) != self._seen
            if run.ending if progress.message else is_new:
                self._tried, self._seen = time.monotonic(), _find_newest_state(run.folder)
                self.keep(run)

        return note

    def keep(self, run: Run) -> bool:
        """Copies a run as it is, unless its copy is as new; whether there is such a copy now."""
        if self.folder is None:
            return False
        copies, state = self.folder / run.folder.name, _find_newest_state(run.folder)
        try:
            newest = _find_newest_copy(copies)
            is_further = newest and _NAME.fullmatch(newest.name)[1] > state
            # a threshold chosen later counts, too
            if not is_further and not (newest and _holds_the_same(newest, run.folder)):
                _copy(run.folder, copies / f"{state}_at_{_choose_time(copies, state)}.zip")
        except (OSError, UserError) as error:
            return self._tell(*_describe_failure(error, run.folder, self.folder))
        if is_further:
            further = f"In {copies} this run is further. It stays as it is"
            return self._tell("ahead", f"{further}; `restore_run` brings it here.")
        return self._tell("", f"The run is kept in {copies} now.")

    def _tell(self, trouble: str, message: str) -> bool:
        """Says what is wrong, or right again, unless that was said last; whether all is right."""
        if trouble != self._told:
            self.say(message)
        self._told = trouble
        return not trouble


@dataclass(frozen=True)
class RunBackup:
    """A run in the folder for keeping."""

    name: str  # of the run's folder
    copy: Path | None  # the newest that is whole; None where all are damaged
    epoch: int = 0  # finished epochs
    step: int = 0  # finished steps of the next one
    epochs: int = 0  # how many it was meant to have
    network: str = ""  # which of the three it is

    def __str__(self) -> str:
        if self.copy is None:
            return f"{self.name}: all copies are damaged"
        return f"{self.name}: {self.network} network, {self.epoch} of {self.epochs} epochs"


def list_backups(folder: str | Path) -> list[RunBackup]:
    """The runs in a folder for keeping, by name; each with its newest copy that is whole."""
    backups = []
    for run in sorted({path.parent for path in Path(folder).glob("*/*.zip")}):
        if (copy := _find_newest_copy(run)) is not None:
            settings = _read_settings(copy)
            state = map(int, _NAME.fullmatch(copy.name).group(2, 3))
            backups.append(RunBackup(run.name, copy, *state, settings.epochs, settings.network))
        elif _list_copies(run):
            backups.append(RunBackup(run.name, None))
    return backups


def restore_run(kept: RunBackup, output_folder: str | Path) -> Run:
    """Unpacks a kept run, to go on with it: ``train(…, resume=run.folder)``.

    One of that name already in `output_folder` is taken as it is if as far; else a UserError.
    """
    folder = Path(output_folder) / kept.name
    refuse_if(kept.copy is None, "copy whole", kept.name)
    if not folder.exists():
        with files.write_safely(folder) as temporary, zipfile.ZipFile(kept.copy) as file:
            file.extractall(temporary)
    here, there = _find_newest_state(folder), _NAME.fullmatch(kept.copy.name)[1]
    refuse_if(here < there, "run further", folder, here=here, there=there)
    return Run(folder)


def _find_newest_state(folder: Path) -> str:
    """The name of a run's newest checkpoint, without its ending; later ones are larger."""
    newest = checkpoints.list_checkpoints(folder / "checkpoints")[:1]
    return newest[0].stem if newest else "epoch_00000_step_0000000"


def _list_files(folder: Path) -> list[Path]:
    """All files of a run, but what is just being written."""
    paths = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    return [path for path in paths if "/." not in f"/{path.relative_to(folder).as_posix()}"]


def _list_copies(copies: Path) -> list[Path]:
    """Newest first."""
    return sorted((p for p in copies.glob("*.zip") if _NAME.fullmatch(p.name)), reverse=True)


def _find_newest_copy(copies: Path) -> Path | None:
    return next(filter(_is_intact, _list_copies(copies)), None)


def _choose_time(copies: Path, state: str) -> int:
    """Now, for the name of a copy; later than all of this state, should the clock have gone back."""
    now = int(f"{datetime.now(UTC):%Y%m%d%H%M%S%f}")
    names = [_NAME.fullmatch(path.name) for path in _list_copies(copies)]
    return max([now, *(int(name[4]) + 1 for name in names if name[1] == state)])


def _holds_the_same(copy: Path, folder: Path) -> bool:
    """Whether a copy has the files of a run as they are now."""
    with zipfile.ZipFile(copy) as file:
        kept = {info.filename: info.CRC for info in file.infolist()}
    own = {path.relative_to(folder).as_posix(): path for path in _list_files(folder)}
    return kept.keys() == own.keys() and all(
        zlib.crc32(path.read_bytes()) == kept[name] for name, path in own.items()
    )


def _is_intact(copy: Path) -> bool:
    """Whether it can be unpacked: all is there, and each file agrees with its checksum; packed as
    here, so that nothing in it is larger than it is.
    """
    try:
        with zipfile.ZipFile(copy) as file:
            is_ours = all(info.compress_type == zipfile.ZIP_STORED for info in file.infolist())
            is_whole = is_ours and "run.json" in file.namelist() and file.testzip() is None
        return is_whole and _read_settings(copy) is not None
    except Exception:  # damaged bytes can be anything: another compression, a file without end, …
        return False


def _read_settings(copy: Path) -> NetworkSettings:
    with zipfile.ZipFile(copy) as file:
        return NetworkSettings.from_dict(json.loads(file.read("settings.json")), str(copy))


def _copy(folder: Path, target: Path) -> None:
    """Packs a run here, copies the pack and reads it again; only then it gets its name. All but
    this copy and the one before are removed, and leftovers.
    """
    with tempfile.TemporaryDirectory() as temporary:
        pack = Path(temporary) / target.name
        with zipfile.ZipFile(pack, "w", strict_timestamps=False) as file:
            for path in _list_files(folder):
                file.write(path, path.relative_to(folder).as_posix())
        target.parent.mkdir(parents=True, exist_ok=True)
        # Google Drive takes more than it has room for, and loses it later without a word
        missing = pack.stat().st_size - shutil.disk_usage(target.parent).free
        if missing > 0:
            raise OSError(errno.ENOSPC, f"{missing / 1e6:.1f} MB too little")
        with files.write_safely(target, overwrite=True) as written:
            shutil.copyfile(pack, written)
            if not filecmp.cmp(pack, written, shallow=False):
                raise OSError(errno.EIO, "what is read there is not what was written")
    older = [path for path in _list_copies(target.parent) if path.name < target.name]
    for path in older[_KEPT - 1 :]:
        path.unlink(missing_ok=True)


def _describe_failure(error: Exception, run: Path, keeping: Path) -> tuple[str, str]:
    """The kind of trouble, and a message."""
    cause = error.__cause__ if isinstance(error.__cause__, OSError) else error
    reason = getattr(cause, "strerror", None) or str(cause)
    goes_on = f"Training goes on, and is safe on this machine as long as that runs: {run}. "
    goes_on += "Copying is tried again."
    if getattr(cause, "errno", None) not in _FULL:
        return "failed", f"This run could not be kept in {keeping}: {reason}. {goes_on}"
    size = sum(path.stat().st_size for path in _list_files(run))
    room = f"a copy of this run takes {size / 1e6:.1f} MB; free some room, Drive's bin counts, too"
    return "full", f"{keeping} is full: {reason}; {room}. {goes_on}"
