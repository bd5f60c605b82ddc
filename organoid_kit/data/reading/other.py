"""Microscope formats (.czi, .nd2, .lif, .ims …) through the bioio library."""

from pathlib import Path

from organoid_kit.base import UserError, refuse
from organoid_kit.data.conversion import ignore_default_spacing
from organoid_kit.data.reading.image import ImageFile

SUFFIXES = tuple(".czi .nd2 .lif .ims .oib .oif .oir .vsi .dv .sld .mrc .lsm".split())


def read_other(path: Path) -> ImageFile:
    """Opens a microscope file; bioio reads it lazily through dask.

    bioio states sizes without a unit; its readers of microscope formats give µm. It does not state
    the time step.
    """
    try:
        from bioio import BioImage
        from bioio_base.exceptions import UnsupportedFileFormatError
    except ImportError as error:
        raise _not_installed(path, "bioio is not installed") from error
    try:
        image = BioImage(path)
    except UnsupportedFileFormatError as error:
        raise _not_installed(path, f"no installed reader opens {path.suffix}") from error
    if len(image.scenes) > 1:
        received = f"{len(image.scenes)} ({', '.join(image.scenes[:5])})"
        advice = "Export the one you want as OME-TIFF, for example with Fiji."
        raise refuse(path, "A file must hold one movie", received, advice)
    return ImageFile(
        path=path,
        axes=image.dims.order.lower(),
        shape=tuple(image.shape),
        dtype=image.dtype,
        read=lambda index: image.dask_data[index].compute(),
        spacing_um=ignore_default_spacing(image.physical_pixel_sizes),
        channel_names=tuple(str(name) for name in image.channel_names or ()),
    )


def _not_installed(path: Path, reason: str) -> UserError:
    rule = "Microscope formats need the bioio library and its reader for the format"
    advice = 'Run: pip install "organoid-kit[microscopes]", or export the movie as OME-TIFF.'
    return refuse(path, rule, reason, advice)
