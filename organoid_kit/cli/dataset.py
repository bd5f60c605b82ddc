"""`dataset`: an .autlist of movies with annotations of any format, and of other lists."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from organoid_kit.base import refuse_if
from organoid_kit.cli.check import print_problems
from organoid_kit.cli.convert import fit_format
from organoid_kit.cli.files import is_list, open_movies, require_channels
from organoid_kit.data import write_dataset
from organoid_kit.evaluation import summarise_annotations


def dataset(
    sources: Sequence[Path],
    output: Path,
    annotations: Sequence[Path] = (),
    channels: tuple[int, ...] | None = None,
    accept_errors: bool = False,
    leave_out: bool = False,
    **reading: Any,
) -> None:
    """Writes a list and the .aut files it names, once movies and annotations fit together."""
    bare = [source for source in sources if not is_list(source)]
    counts = {"files": len(annotations), "movies": len(bare)}
    refuse_if(len(bare) != len(annotations), "files for movies", output, **counts)
    refuse_if(output.exists() or output.suffix != ".autlist", "new list", output)
    file_of, entries = dict(zip(bare, annotations, strict=True)), []
    for source in sources:
        entries += open_movies([source], file_of.get(source), **reading)
    if not channels:
        require_channels(entry.movie for entry in entries)
    errors = print_problems(entries, channels or (1,))
    print(f"\n{summarise_annotations(entries)}\n")
    refuse_if(errors and not accept_errors, "movies fit", output, errors=errors)
    known = [fit_format(e.annotations, Path(f"{e.name}.aut"), leave_out) for e in entries]
    entries = [replace(entry, annotations=each) for entry, each in zip(entries, known)]
    files = write_dataset(entries, output, beside_others=True)
    print(f"{output} lists:")
    for entry, file in zip(entries, files, strict=True):
        counts = f"{len(entry.annotations)} positions, {len(entry.annotations.links)} links"
        print(f"  {entry.movie.path} with {file.name}: {counts}")
