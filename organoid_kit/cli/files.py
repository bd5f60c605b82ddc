"""What is named on the command line is opened; results go to files that do not exist yet."""

import dataclasses
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import tifffile

from organoid_kit import data
from organoid_kit.base import files, make_error, refuse_if
from organoid_kit.data import AnnotatedMovie, Annotations, TimeLapse, formats
from organoid_kit.data.dataset import state_extent

OF_FILES = ("time_point_offset", "units")  # options of files of annotations
SUFFIXES = (".aut", ".csv", ".xml", ".geff", ".zarr")  # none: a Cell Tracking Challenge folder
FORMATS = {"aut": ".aut", "csv": ".csv", "xml": ".xml", "geff": ".geff", "ctc": ""}


def is_list(path: Path) -> bool:
    """Whether a path names movies with their annotations, not one of them."""
    return path.suffix.lower() in (".autlist", ".json")


def open_movies(
    paths: Sequence[Path],
    annotations: Path | None = None,
    whole_image: bool = False,
    scattered: bool = False,
    **reading: Any,
) -> list[AnnotatedMovie]:
    """All movies that were named, one by one or in an .autlist, read with these options. A file of
    annotations is that of the only movie, read with `OF_FILES`; the rest is as in `read_dataset`.
    """
    movies: list[AnnotatedMovie] = []
    of_file = take_file_options(reading)
    for path in paths:
        if is_list(path):
            stated = {"whole_image": whole_image, "scattered": scattered}
            movies += data.read_dataset(path, **stated, **reading)
        else:
            movie = data.read_timelapse(path, **reading)
            movies.append(AnnotatedMovie(movie, images_pattern=reading.get("pattern")))
    if annotations is None:
        return movies
    refuse_if(len(movies) != 1, "annotations of one", annotations, count=len(movies))
    known = formats.read_for_movie(annotations, movies[0].movie.spacing_um, **of_file)
    movie = movies[0].movie
    stated = (movie.shape_zyx, movie.relative_size, whole_image, scattered)
    return [dataclasses.replace(movies[0], annotations=state_extent(known, *stated))]


def open_annotated(
    dataset: Path, annotations: Path | None = None, **reading: Any
) -> list[AnnotatedMovie]:
    """The movies of an .autlist, or one movie with its file of annotations."""
    refuse_if(annotations is None and not is_list(dataset), "annotations needed", dataset)
    return open_movies([dataset], annotations, **reading)


def take_file_options(reading: dict[str, Any]) -> dict[str, Any]:
    """Takes those that say how to read a file of annotations, not a movie; both have a spacing."""
    taken = {name: reading.pop(name) for name in OF_FILES if name in reading}
    return taken | {name: reading[name] for name in reading if name == "spacing_um"}


def select_time_points(annotations: Annotations, first: int, last: int) -> Annotations:
    """The positions from the first to the last. UserError where there is none, of those known."""
    times = annotations.time_points
    chosen = annotations.select((times >= first) & (times <= last))
    found = f"{times.min()} to {times.max()}" if len(times) else "none"
    wrong = first > last or len(times) > len(chosen) == 0
    refuse_if(wrong, "time points", annotations.name, first=first, last=last, found=found)
    return chosen


def require_channels(movies: Iterable[TimeLapse]) -> None:
    """Refuses to guess which of several channels shows nuclei."""
    for movie in movies:
        names = [f"{number} ({name})" for number, name in enumerate(movie.channel_names, 1)]
        refuse_if(len(names) > 1, "channels named", movie.name, names=", ".join(names))


def choose_outputs(
    output: Path, names: Sequence[str], form: str | None = None, begun: bool = False
) -> list[Path]:
    """A file for each movie: the one named, or one in the folder named, as `FORMATS` or the suffix
    say. UserError where several movies would share one, it cannot be written, or it exists, which
    is right where the work may have `begun`.
    """
    stated = output.suffix.lower()
    suffix = stated or FORMATS[form or "aut"]
    is_known = not stated or stated in SUFFIXES
    refuse_if(not is_known, "output suffix", output, known=", ".join(SUFFIXES))
    refuse_if(form and suffix != FORMATS[form], "output format", output, form=form)
    lacks_geff = suffix in (".geff", ".zarr") and find_spec("geff") is None
    refuse_if(lacks_geff, "geff missing", output)
    paths = [output / f"{files.make_file_name(name)}{suffix}" for name in names]
    if output.suffix or (suffix == "" and len(names) == 1):
        paths = [output] * len(names)
    for path in paths:
        is_taken = (path.exists() and not begun) or len(set(paths)) < len(paths)
        refuse_if(is_taken, "output taken", path, names=", ".join(names))
    return paths


@contextmanager
def resume_file(output: Path) -> Iterator[Path]:
    """Keeps what was found until the output is written: an interrupted command can go on."""
    note = output.with_name(f"{output.name}.resume")
    try:
        yield note
    except KeyboardInterrupt:
        if note.exists():
            advice = "Give the same command again to go on."
            print(f"\nNuclei found so far are kept in {note}. {advice}", file=sys.stderr)
        raise
    note.unlink(missing_ok=True)


class TrackWriter:
    """Writes tracks, one movie after another; lists those in .aut in one .autlist."""

    def __init__(self, output: Path, form: str | None = None) -> None:
        """Raises UserError where the list exists already."""
        in_folder = output / "tracks.autlist"
        self.list_file = output.with_suffix(".autlist") if output.suffix else in_folder
        self.listed: list[AnnotatedMovie] = []
        suffix = output.suffix.lower() or FORMATS[form or "aut"]
        refuse_if(suffix == ".aut" and self.list_file.exists(), "list exists", self.list_file)

    def write(
        self, tracks: Annotations, path: Path, annotated: AnnotatedMovie | None = None
    ) -> list[Path]:
        """Writes tracks as the suffix says, and a list, where movies (`annotated`) can be listed."""
        if path.suffix.lower() == ".aut":
            tracks = formats.add_organoidtracker_data(tracks)
            folder = annotated and annotated.movie.path
            # a list names the files in a folder of TIFFs by a pattern
            is_tiffs = folder and folder.is_dir() and any(folder.glob("*.tif*"))
            if annotated and (annotated.images_pattern is not None or not is_tiffs):
                # all so far in the list, which names its files as its movies are named
                tracks = dataclasses.replace(tracks, name=path.stem)
                self.listed.append(dataclasses.replace(annotated, annotations=tracks))
                data.write_dataset(self.listed, self.list_file, overwrite=len(self.listed) > 1)
                return [self.list_file.with_name(path.name), self.list_file]
        write_for_movie(tracks, path, annotated.movie if annotated else None)
        return [path]


def write_for_movie(
    known: Annotations, path: Path, movie: TimeLapse | None, time_point_offset: int = 0
) -> None:
    """Writes annotations with what the format of the suffix wants to know of the movie."""
    suffix, options = path.suffix.lower(), {}
    if suffix == ".csv" and len(known.links):
        known = formats.add_track_ids(known)
    elif suffix == ".xml":
        options = {"time_point_offset": time_point_offset}
        if movie and movie.path and movie.path.suffix.lower() in (".tif", ".tiff"):
            with tifffile.TiffFile(movie.path) as tif:  # Fiji knows the axes of a hyperstack only
                options["images"] = movie.path if tif.is_imagej else None
    elif suffix == "":
        options = {"shape_zyx": movie.shape_zyx, "time_points": movie.time_points}
    data.write_annotations(known, path, **options)


def load_keras() -> None:
    """Loads Keras, without what it would load only because it is there: a third of its time.
    TensorFlow's chatter goes nowhere: no setting of its own silences it.
    """
    hidden = dict.fromkeys({"matplotlib", "pandas", "sklearn"} - sys.modules.keys())
    sys.modules.update(hidden)
    sys.stderr.flush()
    stderr = os.dup(2)
    with open(os.devnull, "w") as nowhere:
        os.dup2(nowhere.fileno(), 2)
    try:
        import keras  # noqa: F401
    except ImportError as error:
        raise make_error("keras missing", error=error) from error
    finally:
        os.dup2(stderr, 2)
        os.close(stderr)
        for name in hidden:
            del sys.modules[name]
