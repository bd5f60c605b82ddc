"""Movies of every format open lazily, give back what was written, and never guess in silence."""

import logging
import os
import re
import subprocess
import sys
import warnings
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import tifffile

from organoid_kit.base.errors import UserError
from organoid_kit.data.conversion import to_minutes
from organoid_kit.data.reading.tiff import collect_complaints
from organoid_kit.data.timelapse import make_timelapse, read_timelapse, write_timelapse

REAL = Path(__file__).parents[3] / "shared" / "data" / "lstree_enterocyst" / "images"
SPACING = (2.0, 0.5, 0.25)
IMAGEJ = {"axes": "TZCYX", "spacing": 2.0, "unit": "um", "finterval": 600.0}
IMAGEJ_RESOLUTION = (4.0, 2.0)  # pixels per µm, x and y
UNREADABLE = pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() == 0, reason="needs a user who is not root"
)


@pytest.fixture
def images() -> np.ndarray:
    """(t, c, z, y, x) with every length different, values up to 65535."""
    return np.random.default_rng(1).integers(0, 65536, (3, 2, 5, 20, 25)).astype(np.uint16)


def save(path: Path, images: np.ndarray, **options) -> Path:
    """Writes the images, (t, c, z, y, x), in the order t, z, c, y, x."""
    tifffile.imwrite(path, images.transpose(0, 2, 1, 3, 4), **options)
    return path


def assert_holds(movie, images: np.ndarray) -> None:
    """Every stack of the movie is that of the images."""
    assert movie.shape_zyx == images.shape[2:]
    assert len(movie.time_points) == len(images)
    assert len(movie.channel_names) == images.shape[1]
    for i, time_point in enumerate(movie.time_points):
        for channel in range(images.shape[1]):
            stack = movie.stack(time_point, (channel + 1,))
            assert stack.dtype == movie.dtype
            np.testing.assert_array_equal(stack, images[i, channel])


def all_stacks(movie) -> np.ndarray:
    """All planes of a movie, (n, y, x), in the order t, z, c."""
    channels = range(1, len(movie.channel_names) + 1)
    stacks = [np.stack([movie.stack(t, (c,)) for c in channels], axis=1) for t in movie.time_points]
    return np.concatenate([stack.reshape(-1, *stack.shape[2:]) for stack in stacks])


# TIFF files


@pytest.mark.parametrize("compression", [None, "zlib", "lzw"])
def test_imagej_hyperstack(tmp_path, images, compression):
    path = save(
        tmp_path / "a.tif",
        images,
        imagej=True,
        compression=compression,
        metadata=IMAGEJ,
        resolution=IMAGEJ_RESOLUTION,
    )
    movie = read_timelapse(path)
    assert_holds(movie, images)
    assert movie.spacing_um == pytest.approx(SPACING)
    assert movie.minutes_per_time_point == pytest.approx(10)
    assert (movie.name, movie.path, movie.dtype) == ("a", path, np.uint16)


@pytest.mark.parametrize(
    ("unit", "um"), [("micron", 1), ("\\u00B5m", 1), ("nm", 1e-3), ("mm", 1e3), ("inch", 25400)]
)
def test_imagej_units(tmp_path, images, unit, um):
    metadata = IMAGEJ | {"unit": unit, "spacing": 2.0 / um}
    path = save(
        tmp_path / "a.tif", images, imagej=True, metadata=metadata, resolution=(4.0 * um, 2.0 * um)
    )
    assert read_timelapse(path).spacing_um == pytest.approx(SPACING, rel=1e-4)


@pytest.mark.parametrize(("unit", "um"), [("CENTIMETER", 1e4), ("INCH", 25400)])
def test_resolution_of_a_plain_tiff(tmp_path, unit, um):
    """That of a microscope is taken; a printer's, or one without a unit, is not."""
    stack, path = np.zeros((3, 4, 8, 8), np.uint8), tmp_path / "a.tif"
    options = {"photometric": "minisblack", "resolutionunit": unit}
    tifffile.imwrite(path, stack, resolution=(um / 0.5, um / 0.645), **options)
    with pytest.raises(UserError, match=r"\(1\.0, 0\.645, 0\.5\)"):
        read_timelapse(path, axes="tzyx")
    tifffile.imwrite(tmp_path / "flat.tif", stack[0], resolution=(um / 0.5, um / 0.5), **options)
    assert read_timelapse(tmp_path / "flat.tif", axes="tyx").spacing_um == (0.5, 0.5, 0.5)
    for dots_per_inch, unit_or_none in ((300, unit), (um / 0.5, "NONE")):
        options["resolutionunit"] = unit_or_none
        tifffile.imwrite(path, stack, resolution=(dots_per_inch, dots_per_inch), **options)
        with pytest.raises(UserError, match=r"\(1\.0, 1\.0, 1\.0\)"):
            read_timelapse(path, axes="tzyx")


@pytest.mark.parametrize("compression", [None, "zlib"])
def test_ome_tiff(tmp_path, images, compression):
    metadata = {
        "axes": "TZCYX",
        "Channel": {"Name": ["H2B", "membrane"]},
        **{
            "PhysicalSizeX": 250,
            "PhysicalSizeXUnit": "nm",
            "PhysicalSizeY": 0.5,
            "PhysicalSizeYUnit": "µm",
        },
        **{
            "PhysicalSizeZ": 0.002,
            "PhysicalSizeZUnit": "mm",
            "TimeIncrement": 0.25,
            "TimeIncrementUnit": "h",
        },
    }
    movie = read_timelapse(
        save(tmp_path / "a.ome.tif", images, compression=compression, metadata=metadata)
    )
    assert_holds(movie, images)
    assert movie.spacing_um == pytest.approx(SPACING)
    assert movie.minutes_per_time_point == pytest.approx(15)
    assert (movie.name, movie.channel_names) == ("a", ("H2B", "membrane"))


@pytest.mark.parametrize("byteorder", ["<", ">"])
@pytest.mark.parametrize("dtype", ["uint8", "int16", "uint32", "int64", "float32", "float64"])
@pytest.mark.parametrize("compression", [None, "zlib"])
def test_every_number_type_and_byte_order(tmp_path, images, byteorder, dtype, compression):
    stored = images[:, :1].astype(dtype)
    path = save(
        tmp_path / "a.tif",
        stored,
        byteorder=byteorder,
        compression=compression,
        metadata={"axes": "TZCYX"},
    )
    movie = read_timelapse(path, spacing_um=SPACING)
    assert_holds(movie, stored)
    assert movie.dtype == np.dtype(dtype)
    assert movie.stack(0).flags.writeable


def test_masks_become_uint8(tmp_path, images):
    tifffile.imwrite(tmp_path / "a.tif", images[:, 0] > 30_000, metadata={"axes": "TZYX"})
    movie = read_timelapse(tmp_path / "a.tif", spacing_um=SPACING)
    assert movie.dtype == np.uint8
    assert_holds(movie, (images[:, :1] > 30_000).astype(np.uint8))


def test_complex_numbers_are_refused(tmp_path, images):
    tifffile.imwrite(
        tmp_path / "a.tif", images[:, 0].astype(np.complex64), metadata={"axes": "TZYX"}
    )
    with pytest.raises(UserError, match="whole or real numbers.*complex64"):
        read_timelapse(tmp_path / "a.tif", spacing_um=SPACING)


def test_two_dimensional_movie_has_one_plane(tmp_path, images):
    path = tmp_path / "a.tif"
    metadata = {"axes": "TYX", "unit": "um"}
    tifffile.imwrite(
        path, images[:, 0, 0], imagej=True, metadata=metadata, resolution=IMAGEJ_RESOLUTION
    )
    movie = read_timelapse(path)
    assert_holds(movie, images[:, :1, :1])
    assert movie.spacing_um == (0.5, 0.5, 0.25)


def test_single_image_is_a_movie_of_one_time_point(tmp_path, images):
    tifffile.imwrite(tmp_path / "a.tif", images[0, 0, 0])
    assert_holds(read_timelapse(tmp_path / "a.tif", spacing_um=SPACING), images[:1, :1, :1])


@pytest.mark.parametrize("planar", [False, True])
@pytest.mark.parametrize("compression", [None, "zlib"])
def test_colours_are_channels_and_it_says_so(tmp_path, planar, compression):
    colours = (
        np.random.default_rng(0).integers(0, 255, (4, 3, 20, 25)).astype(np.uint8)
    )  # t, s, y, x
    layout = {"planarconfig": "separate"} if planar else {}
    stored = colours if planar else np.moveaxis(colours, 1, -1)
    metadata = {"axes": "TSYX" if planar else "TYXS"}
    path = tmp_path / "a.tif"
    tifffile.imwrite(
        path, stored, photometric="rgb", compression=compression, metadata=metadata, **layout
    )
    with pytest.warns(UserWarning, match="colour image.*channels 1 to 3"):
        movie = read_timelapse(path, spacing_um=SPACING)
    assert_holds(movie, colours[:, :, None])
    assert movie.channel_names == ("red", "green", "blue")


def test_colours_of_several_channels_are_all_channels(tmp_path):
    colours = np.random.default_rng(0).integers(0, 255, (2, 20, 25, 3)).astype(np.uint8)
    tifffile.imwrite(tmp_path / "a.tif", colours, photometric="rgb", metadata={"axes": "CYXS"})
    movie = read_timelapse(tmp_path / "a.tif", spacing_um=SPACING)
    assert_holds(movie, np.moveaxis(colours, -1, 1).reshape(1, 6, 1, 20, 25))


def test_user_overrules_the_file(tmp_path, images):
    path = save(
        tmp_path / "a.tif", images, imagej=True, metadata=IMAGEJ, resolution=IMAGEJ_RESOLUTION
    )
    movie = read_timelapse(
        path,
        axes="ZTCYX",
        spacing_um=(3, 1, 1),
        minutes_per_time_point=5,
        name="gut",
        time_points=(1, 2),
    )
    assert_holds(movie, images.transpose(2, 1, 0, 3, 4)[1:3])
    assert (movie.name, movie.minutes_per_time_point, movie.spacing_um) == ("gut", 5, (3, 1, 1))


def test_axes_in_another_order(tmp_path, images):
    tifffile.imwrite(
        tmp_path / "a.tif", images.transpose(3, 0, 4, 2, 1), metadata=None, photometric="minisblack"
    )
    with pytest.raises(UserError, match="one letter for each axis"):
        read_timelapse(
            tmp_path / "a.tif", axes="ytxzc", spacing_um=SPACING
        )  # a plain file keeps one axis of planes
    tifffile.imwrite(tmp_path / "b.tif", images.transpose(3, 0, 4, 2, 1), photometric="minisblack")
    assert_holds(read_timelapse(tmp_path / "b.tif", axes="ytxzc", spacing_um=SPACING), images)


def test_path_with_spaces_and_letters_of_all_kinds(tmp_path, images, monkeypatch):
    folder = tmp_path / "Darm Ä µ 腸"
    folder.mkdir()
    for name, options in (("ö 1.tif", {}), ("ö 2.tif", {"compression": "zlib"})):
        save(folder / name, images, metadata={"axes": "TZCYX"}, **options)
    monkeypatch.chdir(folder)
    movies = [read_timelapse(f"ö {number}.tif", spacing_um=SPACING) for number in (1, 2)]
    monkeypatch.chdir(tmp_path)
    for movie in movies:
        assert_holds(movie, images)


# What the file does not say


def test_guess_is_shown_and_must_be_confirmed(tmp_path, images):
    tifffile.imwrite(tmp_path / "a.tif", images[:, 0])
    with pytest.raises(UserError) as error:
        read_timelapse(tmp_path / "a.tif")
    for part in (
        "a.tif",
        "3 × 5 × 20 × 25",
        'axes="tzyx"',
        "spacing_um=(1.0, 1.0, 1.0)",
        "t 3, z 5, y 20, x 25",
    ):
        assert part in str(error.value)
    movie = read_timelapse(tmp_path / "a.tif", accept_guess=True)
    assert_holds(movie, images[:, :1])
    assert movie.spacing_um == (1, 1, 1)


@pytest.mark.parametrize("given", [{"axes": "tzyx"}, {"spacing_um": SPACING}])
def test_half_the_answer_is_not_enough(tmp_path, images, given):
    tifffile.imwrite(tmp_path / "a.tif", images[:, 0])
    (missing,) = {"axes", "spacing_um"} - set(given)
    with pytest.raises(UserError, match=f"does not say its {missing}\\."):
        read_timelapse(tmp_path / "a.tif", **given)


@pytest.mark.parametrize(
    ("shape", "axes"),
    [
        ((7, 9, 11), "zyx"),
        ((3, 7, 9, 11), "tzyx"),
        ((3, 2, 7, 9, 11), "tczyx"),
        ((3, 7, 2, 9, 11), "tzcyx"),
    ],
)
def test_likeliest_axes(tmp_path, shape, axes):
    tifffile.imwrite(tmp_path / "a.tif", np.zeros(shape, np.uint8))
    with pytest.raises(UserError, match=f'axes="{axes}"'):
        read_timelapse(tmp_path / "a.tif", spacing_um=SPACING)


@pytest.mark.parametrize("unit", ["", "pixel"])
def test_imagej_pixels_are_no_spacing(tmp_path, images, unit):
    path = save(
        tmp_path / "a.tif",
        images,
        imagej=True,
        metadata=IMAGEJ | {"unit": unit},
        resolution=IMAGEJ_RESOLUTION,
    )
    with pytest.raises(UserError, match="does not say its spacing_um"):
        read_timelapse(path)


def test_spacing_of_exactly_one_is_what_programs_write_that_do_not_know(tmp_path, images):
    path = save(tmp_path / "a.tif", images, imagej=True, metadata=IMAGEJ, resolution=(1, 1))
    with pytest.raises(UserError, match="does not say its spacing_um"):
        read_timelapse(path)


@pytest.mark.parametrize("axes", ["tyx", "ttyx", "tcxz", "tqyx", "", "tzcyx"])
def test_wrong_axes(tmp_path, images, axes):
    tifffile.imwrite(tmp_path / "a.tif", images[:, 0])
    with pytest.raises(UserError, match="Axes must be|one letter for each axis|axes="):
        read_timelapse(tmp_path / "a.tif", axes=axes, spacing_um=SPACING)


def test_axes_of_length_one_may_be_left_out(tmp_path, images):
    tifffile.imwrite(tmp_path / "a.tif", images[:, :1], metadata=None)
    tifffile.imwrite(tmp_path / "b.tif", images[:, :1])
    for axes in ("tzyx", "TCZYX"):
        assert_holds(
            read_timelapse(tmp_path / "b.tif", axes=axes, spacing_um=SPACING), images[:, :1]
        )


@pytest.mark.parametrize(
    "spacing", [(1, 1), (0, 1, 1), (1, -1, 1), (1, 1, float("nan")), (1, 1, float("inf"))]
)
def test_wrong_spacing(tmp_path, images, spacing):
    tifffile.imwrite(tmp_path / "a.tif", images[:, 0])
    with pytest.raises(UserError, match="three positive numbers"):
        read_timelapse(tmp_path / "a.tif", axes="tzyx", spacing_um=spacing)


@pytest.mark.parametrize("minutes", [0, -1, float("nan")])
def test_wrong_minutes(tmp_path, images, minutes):
    tifffile.imwrite(tmp_path / "a.tif", images[:, 0])
    with pytest.raises(UserError, match="minutes_per_time_point must be a positive"):
        read_timelapse(
            tmp_path / "a.tif", axes="tzyx", spacing_um=SPACING, minutes_per_time_point=minutes
        )


@pytest.mark.parametrize("time_points", [(0, 3), (-1, 1), (2, 1), range(0, 3, 2)])
def test_wrong_time_points(tmp_path, images, time_points):
    tifffile.imwrite(tmp_path / "a.tif", images[:, 0])
    with pytest.raises(UserError, match="Time points must be"):
        read_timelapse(tmp_path / "a.tif", axes="tzyx", spacing_um=SPACING, time_points=time_points)


def test_several_images_in_a_file(tmp_path, images):
    with tifffile.TiffWriter(tmp_path / "a.tif") as tif:
        tif.write(images[0, 0])
        tif.write(images[0, 0, :, :10])
    with pytest.raises(UserError, match="must hold one movie.*2 images"):
        read_timelapse(tmp_path / "a.tif", accept_guess=True)


# Damaged files

KINDS = {
    "imagej": {"imagej": True, "metadata": IMAGEJ, "resolution": IMAGEJ_RESOLUTION},
    "ome": {"ome": True, "metadata": {"axes": "TZCYX"}},
    "shaped": {"metadata": {"axes": "TZCYX"}},
    "plain": {"metadata": None},
}


@pytest.mark.parametrize("part", [0.9995, 0.9, 0.5, 0.1, 0.01])
@pytest.mark.parametrize("compression", [None, "zlib", "lzw"])
@pytest.mark.parametrize("kind", KINDS)
def test_truncated_tiff_is_refused_unless_no_voxel_is_lost(
    tmp_path, images, kind, compression, part
):
    path = save(tmp_path / "a.tif", images, compression=compression, **KINDS[kind])
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * part)])
    if part > 0.5 and compression is None:
        with suppress(UserError):
            movie = read_timelapse(
                path, axes="tzcyx" if kind != "plain" else "zyx", spacing_um=SPACING
            )
            np.testing.assert_array_equal(
                all_stacks(movie), images.transpose(0, 2, 1, 3, 4).reshape(-1, 20, 25)
            )
    else:
        with pytest.raises(UserError, match=r"must be a whole, readable file.*a\.tif"):
            read_timelapse(path, spacing_um=SPACING, accept_guess=True)


def test_uncompressed_tiff_cut_in_its_last_plane(tmp_path, images):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, images[0, 0], imagej=True, metadata={"axes": "ZYX"})
    with path.open("r+b") as file, tifffile.TiffFile(path) as tif:
        file.truncate(tif.series[0].dataoffset + images[0, 0].nbytes - 1)
    with pytest.raises(UserError, match="must be a whole"):
        read_timelapse(path, spacing_um=SPACING)


def test_damage_in_the_middle_is_found_when_it_is_read(tmp_path, images):
    path = save(tmp_path / "a.tif", images, compression="zlib", metadata={"axes": "TZCYX"})
    with tifffile.TiffFile(path) as tif:
        page = tif.pages[10]
        start, length = page.dataoffsets[0], page.databytecounts[0]
    with path.open("r+b") as file:
        file.seek(start)
        file.write(bytes(length))
    movie = read_timelapse(path, spacing_um=SPACING)
    np.testing.assert_array_equal(movie.stack(0), images[0, 0])
    with pytest.raises(UserError, match=r"time point 1 of .*a\.tif"):
        movie.stack(1)


@pytest.mark.parametrize("content", [b"not an image", b"", b"II*\0", b"II*\0\xff\xff\xff\x7f"])
def test_no_tiff_at_all(tmp_path, content):
    (tmp_path / "a.tif").write_bytes(content)
    with pytest.raises(UserError, match=r"a\.tif"):
        read_timelapse(tmp_path / "a.tif")


def test_missing_file(tmp_path):
    with pytest.raises(UserError, match=r"must exist.*nothing\.tif"):
        read_timelapse(tmp_path / "nothing.tif")


@UNREADABLE
def test_file_without_permission(tmp_path, images):
    path = save(tmp_path / "a.tif", images)
    path.chmod(0)
    with pytest.raises(UserError, match="without permission"):
        read_timelapse(path)


def test_unknown_format(tmp_path):
    (tmp_path / "a.txt").write_text("hello")
    with pytest.raises(UserError, match=r"must be TIFF.*a\.txt"):
        read_timelapse(tmp_path / "a.txt")


def test_ome_tiff_whose_files_are_lost_renamed_or_not_alone(tmp_path, images):
    name = {True: "a.ome.tif", False: "b.ome.tif"}
    xml = (
        '<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06" UUID="urn:uuid:1"><Image ID="Image:0"><Pixels '
        'ID="Pixels:0" DimensionOrder="XYZCT" Type="uint16" SizeX="25" SizeY="20" SizeZ="1" SizeC="1" SizeT="2" '
        'PhysicalSizeX="0.25" PhysicalSizeY="0.25"><Channel ID="Channel:0:0" SamplesPerPixel="1"/>'
        + "".join(
            f'<TiffData FirstT="{t}" IFD="0" PlaneCount="1"><UUID FileName="{name[t == 0]}">urn:uuid:{t + 1}</UUID>'
            "</TiffData>"
            for t in (0, 1)
        )
        + "</Pixels></Image></OME>"
    )
    for t in (0, 1):
        own = xml.replace('UUID="urn:uuid:1"', f'UUID="urn:uuid:{t + 1}"', 1)
        tifffile.imwrite(tmp_path / name[t == 0], images[t, 0, 0], description=own, metadata=None)
    assert_holds(read_timelapse(tmp_path / "a.ome.tif"), images[:2, :1, :1])
    (tmp_path / "b.ome.tif").rename(tmp_path / "lost")
    with pytest.warns(
        UserWarning, match="of 2 time points 1 are complete"
    ):  # as if it were aborted
        assert_holds(read_timelapse(tmp_path / "a.ome.tif"), images[:1, :1, :1])
    (tmp_path / "lost").rename(tmp_path / "renamed.ome.tif")
    with pytest.raises(UserError, match=r"names b\.ome\.tif, which is not beside it.*again"):
        read_timelapse(tmp_path)
    (tmp_path / "renamed.ome.tif").rename(tmp_path / "b.ome.tif")
    tifffile.imwrite(tmp_path / "a_MAX.tif", images[0, 0, 0])  # somebody's projection
    assert_holds(read_timelapse(tmp_path), images[:2, :1, :1])
    (tmp_path / "a_MAX.tif").unlink()
    (tmp_path / "a.ome.tif").unlink()
    with pytest.raises(UserError, match=r"names a\.ome\.tif, which is not beside it"):
        read_timelapse(tmp_path / "b.ome.tif")


# Folders of TIFF files


def save_folder(
    folder: Path, images: np.ndarray, pattern: str, first: int = 0, channel_0: int = 0
) -> Path:
    folder.mkdir(exist_ok=True)
    for t, channels in enumerate(images):
        for c, stack in enumerate(channels):
            tifffile.imwrite(
                folder / pattern.format(time=first + t, channel=channel_0 + c),
                stack,
                compression="zlib",
            )
    return folder


@pytest.mark.parametrize("channel_0", [0, 1])
def test_organoid_tracker_names(tmp_path, images, channel_0):
    pattern = "im_t{time:03}c{channel}.tif"
    folder = save_folder(tmp_path / "a", images, pattern, first=5, channel_0=channel_0)
    for axes in ("zyx", "tczyx"):
        movie = read_timelapse(folder, pattern=pattern, axes=axes, spacing_um=SPACING)
        assert_holds(movie, images)
    assert movie.time_points == range(5, 8)
    assert movie.channel_names == (f"file channel {channel_0}", f"file channel {channel_0 + 1}")


@pytest.mark.parametrize("pattern", ["t{time:03}.tif", "t{time:04}.tif"])
def test_cell_tracking_challenge_names_are_known(tmp_path, images, pattern):
    folder = save_folder(tmp_path / "01", images[:, :1], pattern)
    assert_holds(read_timelapse(folder, axes="tzyx", spacing_um=SPACING), images[:, :1])


@pytest.mark.parametrize(
    ("pattern", "first"),
    [
        ("P4_Ch1-T{time:04}.tif", 322),
        ("im_t{time:03}c{channel}.tif", 9),
        ("movie {time}.tif", 8),
        ("x_{{a}}_ch{channel:02}_t{time}.tiff", 99),
    ],
)
def test_pattern_is_found_and_must_be_confirmed(tmp_path, images, pattern, first):
    chosen = images if "channel" in pattern else images[:, :1]
    folder = save_folder(tmp_path / "a", chosen, pattern, first=first)
    with pytest.raises(UserError) as error:
        read_timelapse(folder, axes="zyx", spacing_um=SPACING)
    assert f'pattern="{pattern}"' in str(error.value)
    assert_holds(read_timelapse(folder, axes="zyx", spacing_um=SPACING, accept_guess=True), chosen)


@pytest.mark.parametrize(
    "names",
    [
        ["a1b2.tif", "a2b1.tif"],
        ["a.tif", "b.tif"],
        ["t1.tif", "x1.tif"],
        ["a1b2.tif"],
        ["c1.tif", "c2.tif"],
    ],
)
def test_ambiguous_names(tmp_path, images, names):
    for name in names:
        tifffile.imwrite(tmp_path / name, images[0, 0])
    with pytest.raises(UserError, match="must show which number is the time point"):
        read_timelapse(tmp_path, axes="zyx", spacing_um=SPACING, accept_guess=True)


@pytest.mark.parametrize(
    "pattern", ["t000.tif", "t{frame}.tif", "t{time", "t{time:q}.tif", "{channel}.tif", "{}.tif"]
)
def test_wrong_pattern(tmp_path, images, pattern):
    folder = save_folder(tmp_path / "a", images[:, :1], "t{time:03}.tif")
    with pytest.raises(UserError, match="A pattern must say where the time point stands"):
        read_timelapse(folder, pattern=pattern)


def test_pattern_that_fits_no_file(tmp_path, images):
    folder = save_folder(tmp_path / "a", images[:, :1], "t{time:03}.tif")
    with pytest.raises(UserError, match=r"must fit the names.*t000\.tif"):
        read_timelapse(folder, pattern="t{time:04}.tif")


def test_pattern_belongs_to_a_folder(tmp_path, images):
    path = save(tmp_path / "a.tif", images)
    with pytest.raises(UserError, match="belongs to a folder"):
        read_timelapse(path, pattern="t{time:03}.tif")


def test_hidden_files_are_passed_over(tmp_path, images):
    folder = save_folder(tmp_path / "a", images[:, :1], "t{time:03}.tif")
    for name in ("._t000.tif", "._t001.tif", ".hidden.tif", "notes.txt"):
        (folder / name).write_bytes(b"nothing")
    assert_holds(read_timelapse(folder, axes="zyx", spacing_um=SPACING), images[:, :1])


def test_missing_time_points_are_named(tmp_path, images):
    folder = save_folder(tmp_path / "a", images, "im_t{time:03}c{channel}.tif")
    (folder / "im_t001c1.tif").unlink()
    options = {"pattern": "im_t{time:03}c{channel}.tif", "axes": "zyx", "spacing_um": SPACING}
    with pytest.raises(UserError, match=r"without im_t001c1\.tif \(time points 1\)"):
        read_timelapse(folder, **options)
    assert_holds(read_timelapse(folder, **options, time_points=(2, 2)), images[2:])
    with pytest.raises(UserError, match=r"im_t003c0\.tif"):
        read_timelapse(folder, **options, time_points=range(2, 4))


@pytest.mark.parametrize(
    "wrong", [np.zeros((5, 20, 26), np.uint16), np.zeros((5, 20, 25), np.uint8)]
)
def test_file_of_another_shape_or_type_is_named(tmp_path, images, wrong):
    folder = save_folder(tmp_path / "a", images[:, :1], "t{time:03}.tif")
    tifffile.imwrite(folder / "t001.tif", wrong)
    movie = read_timelapse(folder, axes="zyx", spacing_um=SPACING)
    np.testing.assert_array_equal(movie.stack(0), images[0, 0])
    with pytest.raises(UserError, match=r"one shape and type.*t001\.tif"):
        movie.stack(1)


def test_time_axis_inside_files_named_by_time_is_questioned(tmp_path, images):
    for t in range(3):
        tifffile.imwrite(tmp_path / f"t{t:03}.tif", images[t, 0], metadata={"axes": "TYX"})
    with pytest.raises(UserError, match='axes="tzyx"'):
        read_timelapse(tmp_path, spacing_um=SPACING)
    assert_holds(read_timelapse(tmp_path, axes="zyx", spacing_um=SPACING), images[:, :1])


def test_folder_without_tiffs(tmp_path):
    with pytest.raises(UserError, match="must hold TIFF files"):
        read_timelapse(tmp_path)


@pytest.mark.skipif(not REAL.exists(), reason="the real organoid is not here: ../shared is absent")
def test_real_organoid():
    with pytest.raises(UserError, match=r'pattern="P4_Ch1-T\{time:04\}\.tif", axes="tzyx"'):
        read_timelapse(REAL)
    movie = read_timelapse(
        REAL, pattern="P4_Ch1-T{time:04}.tif", axes="tzyx", spacing_um=(2.0, 0.26, 0.26)
    )
    assert (movie.time_points, movie.shape_zyx, movie.dtype) == (
        range(322, 325),
        (76, 333, 331),
        np.uint16,
    )
    np.testing.assert_array_equal(movie.stack(323), tifffile.imread(REAL / "P4_Ch1-T0323.tif"))


# OME-Zarr


def save_zarr(path: Path, images: np.ndarray, version: int, **extra) -> Path:
    zarr = pytest.importorskip("zarr", minversion="3.0")
    group = zarr.open_group(path, mode="w", zarr_format=version)
    group.create_array("0", data=images, chunks=(1, 1, 5, 20, 25))
    group.create_array("1", data=images[..., ::2, ::2])
    units = {"t": "second", "z": "micrometer", "y": "nanometer", "x": "millimeter"}
    axes = [{"name": name} | ({"unit": units[name]} if name in units else {}) for name in "tczyx"]
    scale = [{"type": "scale", "scale": [300.0, 1.0, 1.0, 500.0, 0.00025]}]
    more = [{"type": "scale", "scale": [1.0, 1.0, 2.0, 1.0, 1.0]}]
    datasets = [{"path": path, "coordinateTransformations": scale} for path in "01"]
    image = {"axes": axes, "datasets": datasets, "coordinateTransformations": more}
    content = {
        "multiscales": [image],
        "omero": {"channels": [{"label": "H2B"}, {"label": "actin"}]},
        **extra,
    }
    group.attrs.update(content if version == 2 else {"ome": {"version": "0.5", **content}})
    return path


@pytest.mark.parametrize("version", [2, 3])
def test_ome_zarr(tmp_path, images, version):
    movie = read_timelapse(save_zarr(tmp_path / "a.zarr", images, version))
    assert_holds(movie, images)
    assert movie.spacing_um == pytest.approx(SPACING)
    assert movie.minutes_per_time_point == pytest.approx(5)
    assert movie.channel_names == ("H2B", "actin")


def test_ome_zarr_reads_only_the_chunks_it_needs(tmp_path, images):
    path = save_zarr(tmp_path / "a.zarr", images, 2)
    (path / "0" / "0.0.0.0.0").write_bytes(b"damaged")
    movie = read_timelapse(path)
    np.testing.assert_array_equal(movie.stack(2, (2,)), images[2, 1])
    with pytest.raises(UserError, match="time point 0"):
        movie.stack(0)


@pytest.mark.parametrize("version", [2, 3])
def test_ome_zarr_that_grew_after_its_metadata_were_consolidated(tmp_path, images, version):
    path = save_zarr(tmp_path / "a.zarr", images[:1], version)
    zarr = pytest.importorskip("zarr", minversion="3.0")
    zarr.consolidate_metadata(str(path))
    zarr.open_array(str(path), path="0", mode="r+").append(images[1:])
    assert_holds(read_timelapse(path), images)


def test_ome_zarr_without_scale_must_be_confirmed(tmp_path, images):
    axes = [{"name": name} for name in "tczyx"]
    path = save_zarr(
        tmp_path / "a.zarr", images, 3, multiscales=[{"axes": axes, "datasets": [{"path": "0"}]}]
    )
    with pytest.raises(UserError, match="does not say its spacing_um"):
        read_timelapse(path)


def test_plain_zarr_array_must_be_confirmed(tmp_path, images):
    zarr = pytest.importorskip("zarr", minversion="3.0")
    zarr.create_array(tmp_path / "a.zarr", data=images)
    with pytest.raises(UserError, match='axes="tczyx"'):
        read_timelapse(tmp_path / "a.zarr", spacing_um=SPACING)
    assert_holds(read_timelapse(tmp_path / "a.zarr", axes="tczyx", spacing_um=SPACING), images)


def test_zarr_folder_above_the_image(tmp_path, images):
    zarr = pytest.importorskip("zarr", minversion="3.0")
    zarr.open_group(tmp_path / "a.zarr", mode="w")
    save_zarr(tmp_path / "a.zarr" / "inner", images, 3)
    with pytest.raises(UserError, match="which holds inner. Pass the folder"):
        read_timelapse(tmp_path / "a.zarr")


@pytest.mark.parametrize(
    "multiscales", [[], [{"axes": "tczyx"}], "nonsense", [{"axes": [], "datasets": [{}]}]]
)
def test_malformed_zarr_metadata(tmp_path, images, multiscales):
    path = save_zarr(tmp_path / "a.zarr", images, 3, multiscales=multiscales)
    with pytest.raises(UserError, match="must be a readable OME-Zarr"):
        read_timelapse(path)


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ((1, 0, 2, 8, 8), "at least one entry"),
        ((1, 5000, 2, 8, 8), "1000 channels"),
        ((2, 1, 10**6, 10**6, 10**3), "chunks are missing|fit into memory"),
    ],
)
def test_a_size_that_no_movie_has_is_refused_before_anything_is_read(tmp_path, shape, message):
    zarr = pytest.importorskip("zarr", minversion="3.0")
    zarr.create_array(tmp_path / "a.zarr", shape=shape, chunks=(1, 1, 2, 8, 8), dtype="u2")
    with pytest.raises(UserError, match=message):
        read_timelapse(tmp_path / "a.zarr", axes="tczyx", spacing_um=SPACING)


def test_axes_of_one_name_are_refused(tmp_path, images):
    axes = [{"name": name, "type": "space"} for name in "tczyz"]
    described = [{"axes": axes, "datasets": [{"path": "0"}]}]
    path = save_zarr(tmp_path / "a.zarr", images, 3, multiscales=described)
    with pytest.raises(UserError, match="must be different"):
        read_timelapse(path, spacing_um=SPACING)


def test_a_file_that_tifffile_complains_about_without_end_is_left_soon():
    with pytest.raises(ValueError, match="page 0"), collect_complaints():
        for number in range(1000):
            logging.getLogger("tifffile").error("page %d", number)
    assert number < 50


def test_zarr_not_installed(tmp_path, monkeypatch):
    (tmp_path / "a.zarr").mkdir()
    monkeypatch.setitem(sys.modules, "zarr", None)
    with pytest.raises(UserError, match=r'pip install "organoid-kit\[formats\]"'):
        read_timelapse(tmp_path / "a.zarr")


# Microscope formats


def test_bioio_not_installed(tmp_path, monkeypatch):
    (tmp_path / "a.czi").write_bytes(b"ZISRAWFILE")
    monkeypatch.setitem(sys.modules, "bioio", None)
    with pytest.raises(UserError, match=r'a\.czi.*pip install "organoid-kit\[microscopes\]"'):
        read_timelapse(tmp_path / "a.czi")


@pytest.fixture
def bioio(monkeypatch, images) -> SimpleNamespace:
    """What bioio 3 shows of a file, with an array in place of dask's; it counts what is computed."""
    computed = []

    class Lazy:
        def __getitem__(self, index):
            return SimpleNamespace(compute=lambda: computed.append(index) or images[index])

    class BioImage:
        scenes = ("Image:0",)
        dims = SimpleNamespace(order="TCZYX")
        shape, dtype, dask_data = images.shape, images.dtype, Lazy()
        physical_pixel_sizes = SPACING
        channel_names = ["H2B", "actin"]

        def __init__(self, path):
            if path.suffix != ".czi":
                raise UnsupportedFileFormatError(path)

    class UnsupportedFileFormatError(Exception):
        pass

    exceptions = SimpleNamespace(UnsupportedFileFormatError=UnsupportedFileFormatError)
    monkeypatch.setitem(sys.modules, "bioio", SimpleNamespace(BioImage=BioImage))
    monkeypatch.setitem(sys.modules, "bioio_base", SimpleNamespace(exceptions=exceptions))
    monkeypatch.setitem(sys.modules, "bioio_base.exceptions", exceptions)
    return SimpleNamespace(image=BioImage, computed=computed)


def test_microscope_file(tmp_path, images, bioio):
    (tmp_path / "a.czi").write_bytes(b"ZISRAWFILE")
    movie = read_timelapse(tmp_path / "a.czi")
    assert bioio.computed == []
    assert_holds(movie, images)
    assert (movie.spacing_um, movie.channel_names) == (SPACING, ("H2B", "actin"))


def test_microscope_file_without_spacing_must_be_confirmed(tmp_path, bioio):
    (tmp_path / "a.czi").write_bytes(b"ZISRAWFILE")
    bioio.image.physical_pixel_sizes = (None, 0.5, 0.25)
    with pytest.raises(UserError, match=r"spacing_um=\(1.0, 0.5, 0.25\)"):
        read_timelapse(tmp_path / "a.czi")


def test_microscope_file_with_several_movies(tmp_path, bioio):
    (tmp_path / "a.czi").write_bytes(b"ZISRAWFILE")
    bioio.image.scenes = ("well A", "well B")
    with pytest.raises(UserError, match="must hold one movie.*well A, well B"):
        read_timelapse(tmp_path / "a.czi")


def test_reader_for_a_microscope_format_not_installed(tmp_path, bioio):
    (tmp_path / "a.ims").write_bytes(b"HDF")
    with pytest.raises(UserError, match=r"no installed reader opens \.ims"):
        read_timelapse(tmp_path / "a.ims")


# Larger than memory, several threads


@pytest.mark.skipif(
    sys.platform in ("win32", "darwin"), reason="needs a file system that leaves holes in files"
)
def test_movie_larger_than_memory(tmp_path):
    path = tmp_path / "huge.tif"
    metadata = {"axes": "TZYX"}
    tifffile.imwrite(
        path, shape=(2000, 50, 1000, 500), dtype=np.uint16, bigtiff=True, metadata=metadata
    )
    assert path.stat().st_size > 100e9
    if path.stat().st_blocks * 512 > 1e9:
        pytest.skip("this file system does not leave holes in files")
    with path.open("r+b") as file, tifffile.TiffFile(path) as tif:
        file.seek(tif.series[0].dataoffset + 1500 * 50_000_000)
        file.write(np.full(50 * 1000 * 500, 40_000, np.uint16).tobytes())
    program = (
        "import resource, sys; from organoid_kit.data.timelapse import read_timelapse\n"
        "start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "movie = read_timelapse(sys.argv[1], spacing_um=(2, 1, 1))\n"
        "print((movie.stack(1500) == 40_000).all(), movie.stack(1501).any())\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - start)\n"
    )
    command = [sys.executable, "-c", program, str(path)]
    *values, kilobytes = subprocess.run(
        command, capture_output=True, text=True, check=True
    ).stdout.split()
    assert values == ["True", "False"]
    assert int(kilobytes) < 400_000


def test_only_the_pages_of_a_stack_are_read(tmp_path, images, monkeypatch):
    path = save(tmp_path / "a.tif", images, compression="zlib", metadata={"axes": "TZCYX"})
    movie = read_timelapse(path, spacing_um=SPACING)
    read = []
    for kind in (tifffile.TiffPage, tifffile.TiffFrame):
        original = kind.asarray
        monkeypatch.setattr(
            kind,
            "asarray",
            lambda page, *, original=original, **options: read.append(page.index) or original(page),
        )
    movie.stack(1, (2,))
    assert list(dict.fromkeys(read)) == [
        11,
        13,
        15,
        17,
        19,
    ]  # time point 1 begins at page 10, channel 2 is every second


@pytest.mark.parametrize("compression", [None, "zlib"])
def test_several_threads_read_at_once(tmp_path, images, compression):
    movie = read_timelapse(
        save(tmp_path / "a.tif", images, compression=compression, metadata={"axes": "TZCYX"}),
        spacing_um=SPACING,
    )
    wanted = [(t, c) for t in range(3) for c in range(2)] * 20
    with ThreadPoolExecutor(8) as threads:
        stacks = list(threads.map(lambda where: movie.stack(where[0], (where[1] + 1,)), wanted))
    for (t, c), stack in zip(wanted, stacks, strict=True):
        np.testing.assert_array_equal(stack, images[t, c])


# Writing


@pytest.mark.parametrize("dtype", ["uint8", "uint16", ">u2", "int32", "float32"])
def test_written_movie_is_read_back(tmp_path, images, dtype):
    stored = images.astype(dtype)
    names = ("Käse & <c>", "µ 2")
    movie = make_timelapse(
        stored, SPACING, name="gut", channel_names=names, minutes_per_time_point=12.5
    )
    write_timelapse(movie, tmp_path / "a.ome.tif")
    again = read_timelapse(tmp_path / "a.ome.tif")
    assert_holds(again, stored)
    assert (again.spacing_um, again.channel_names, again.minutes_per_time_point) == (
        SPACING,
        names,
        12.5,
    )


def test_movie_of_one_plane_and_time_point_is_read_back(tmp_path, images):
    write_timelapse(make_timelapse(images[:1, :1, :1], SPACING), tmp_path / "a.ome.tif")
    again = read_timelapse(tmp_path / "a.ome.tif")
    assert_holds(again, images[:1, :1, :1])
    assert (again.spacing_um, again.minutes_per_time_point) == (SPACING, None)


def test_same_movie_gives_the_same_bytes(tmp_path, images):
    for name in ("a.ome.tif", "b.ome.tif"):
        write_timelapse(make_timelapse(images, SPACING), tmp_path / name)
    assert (tmp_path / "a.ome.tif").read_bytes() == (tmp_path / "b.ome.tif").read_bytes()


def test_existing_files_are_kept(tmp_path, images):
    path = tmp_path / "a.ome.tif"
    path.write_text("precious")
    with pytest.raises(UserError, match="overwritten"):
        write_timelapse(make_timelapse(images, SPACING), path)
    assert path.read_text() == "precious"


def test_failed_writing_leaves_nothing(tmp_path, images):
    movie = make_timelapse(images, SPACING)
    object.__setattr__(movie, "time_points", range(4))  # the fourth cannot be read
    with pytest.raises(IndexError):
        write_timelapse(movie, tmp_path / "a.ome.tif")
    assert list(tmp_path.iterdir()) == []


def test_types_that_ome_tiff_lacks(tmp_path, images):
    with pytest.raises(UserError, match="int64"):
        write_timelapse(make_timelapse(images.astype(np.int64), SPACING), tmp_path / "a.ome.tif")


def test_movie_is_written_one_time_point_at_a_time(tmp_path, images):
    """While a time point is written, no later one has been read."""
    path, movie = tmp_path / "a.ome.tif", make_timelapse(images, SPACING)
    sizes = []

    def read_stack(time_point: int, channel: int) -> np.ndarray:
        sizes.append(sum(file.stat().st_size for file in tmp_path.rglob("*.tif")))
        return images[time_point, channel]

    object.__setattr__(movie, "read_stack", read_stack)
    write_timelapse(movie, path)
    assert sizes[2] < sizes[4] < path.stat().st_size


# Sizes of exactly one, and names that are dates


@pytest.mark.parametrize("name", ["a.ome.tif", "a.ome.zarr"])
def test_a_stated_spacing_of_one_is_believed(tmp_path, images, name):
    if name.endswith("zarr"):
        pytest.importorskip("zarr")
    write_timelapse(make_timelapse(images, (2.0, 1.0, 1.0)), tmp_path / name)
    assert read_timelapse(tmp_path / name).spacing_um == (2.0, 1.0, 1.0)


def test_ones_without_a_unit_must_be_confirmed_and_keep_z(tmp_path, images):
    metadata = {"axes": "TZCYX", "PhysicalSizeX": 1.0, "PhysicalSizeY": 1.0, "PhysicalSizeZ": 2.0}
    path = save(tmp_path / "a.ome.tif", images, metadata=metadata)
    with pytest.raises(UserError, match="does not say its spacing_um"):
        read_timelapse(path)
    assert read_timelapse(path, accept_guess=True).spacing_um == (2.0, 1.0, 1.0)


def test_names_that_are_dates_are_refused_at_once(tmp_path, images):
    for stamp in (20240131120000, 20240131121000):
        tifffile.imwrite(tmp_path / f"{stamp}.tif", images[0, 0])
    with pytest.raises(UserError, match=r"without 20240131120001\.tif.*\(999 files in all\)"):
        read_timelapse(tmp_path, spacing_um=SPACING)
    with pytest.raises(UserError, match="Every time point"):
        read_timelapse(tmp_path, spacing_um=SPACING, time_points=(0, 10**30))


def test_a_path_too_long_to_exist_is_one_clear_error(tmp_path):
    with pytest.raises(UserError, match="must exist"):
        read_timelapse(tmp_path / ("a" * 400))


def test_time_points_beyond_all_numbers_are_refused(tmp_path, images):
    path = save(tmp_path / "a.tif", images, metadata={"axes": "TZCYX"})
    with pytest.raises(UserError, match="among those of the movie"):
        read_timelapse(path, spacing_um=SPACING, time_points=(0, 10**30))


@pytest.mark.parametrize("unit", ["minutes", "Minutes", "min", "Min."])
def test_plurals_and_dots_of_units(unit):
    assert to_minutes(10, unit) == 10


def test_what_is_proposed_for_colours_is_accepted(tmp_path):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, np.zeros((6, 16, 18, 3), np.uint8), photometric="rgb")
    with pytest.raises(UserError) as error:
        read_timelapse(path)
    axes = re.search(r'axes="(\w+)"', str(error.value))[1]
    assert len(read_timelapse(path, axes=axes, spacing_um=(1, 1, 1)).channel_names) == 3


def test_a_zarr_of_version_0_2_without_axes_has_five(tmp_path, images):
    described = [{"datasets": [{"path": "0"}], "version": "0.2"}]
    path = save_zarr(tmp_path / "a.zarr", images, 2, multiscales=described)
    with pytest.raises(UserError, match="spacing_um"):
        read_timelapse(path)
    movie = read_timelapse(path, spacing_um=(2, 0.5, 0.5))
    assert (len(movie.time_points), *movie.shape_zyx) == (len(images), *images.shape[2:])


# Files that belong together, or end early


def test_an_aborted_acquisition_is_read_as_far_as_it_is_complete(tmp_path, images):
    """The metadata promise one time point more than the file has."""
    stacks = images[:, 0]
    described = f'SizeT="{len(stacks)}"'
    tifffile.imwrite(tmp_path / "whole.ome.tif", stacks, metadata={"axes": "TZYX"})
    with tifffile.TiffFile(tmp_path / "whole.ome.tif") as tif:
        xml = tif.ome_metadata.replace(described, f'SizeT="{len(stacks) + 1}"')
    path = tmp_path / "aborted.ome.tif"
    tifffile.imwrite(path, stacks, description=xml, metadata=None, ome=False)
    stated = {"spacing_um": SPACING}
    with pytest.warns(UserWarning, match=f"of {len(stacks) + 1} time points {len(stacks)} are"):
        movie = read_timelapse(path, **stated)
    assert len(movie.time_points) == len(stacks)
    np.testing.assert_array_equal(movie.stack(len(stacks) - 1), stacks[-1])
    tifffile.imwrite(path, stacks[0, :1], description=xml, metadata=None, ome=False)
    with pytest.raises(UserError, match="one time point must be complete.*no plane 2 of"):
        read_timelapse(path, **stated)


def test_a_folder_whose_last_time_point_is_not_complete_ends_before_it(tmp_path, images):
    folder = save_folder(tmp_path / "f", images[:3], "t{time:03}c{channel}.tif")
    (folder / "t002c1.tif").unlink()
    options = {"pattern": "t{time:03}c{channel}.tif", "axes": "tczyx", "spacing_um": SPACING}
    with pytest.warns(UserWarning, match=f"time point 2 has {images.shape[1] - 1} files"):
        movie = read_timelapse(folder, **options)
    assert movie.time_points == range(2)
    with pytest.raises(UserError, match="t002c1.tif"):
        read_timelapse(folder, **options, time_points=(0, 2))


@pytest.mark.parametrize("planes", [3, 4])
def test_planes_are_not_taken_for_colours(tmp_path, images, planes):
    """tifffile marks three or four planes as colours when it is not told what they are."""
    stacks = np.concatenate([images[:2, 0], images[:2, 0]], axis=1)[:, :planes]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        tifffile.imwrite(tmp_path / "a.tif", stacks)
        tifffile.imwrite(tmp_path / "one.tif", stacks[0])
    with pytest.raises(UserError, match='axes="tzyx"'):
        read_timelapse(tmp_path / "a.tif")
    with pytest.raises(UserError, match='axes="zyx"'):
        read_timelapse(tmp_path / "one.tif")
    movie = read_timelapse(tmp_path / "a.tif", axes="tzyx", spacing_um=SPACING)
    assert_holds(movie, stacks[:, None])


def test_ome_tiff_files_that_name_each_other_are_one_movie(tmp_path, images):
    stacks = images[:, 0]
    names = [f"m_t{time}.ome.tif" for time in range(len(stacks))]
    blocks = [
        f'<TiffData FirstT="{t}" FirstZ="{z}" FirstC="0" IFD="{z}" PlaneCount="1">'
        f'<UUID FileName="{name}">urn:uuid:{t:032d}</UUID></TiffData>'
        for t, name in enumerate(names)
        for z in range(stacks.shape[1])
    ]
    t, z, y, x = stacks.shape
    sizes = f'SizeT="{t}" SizeZ="{z}" SizeC="1" SizeY="{y}" SizeX="{x}"'
    for time, name in enumerate(names):
        xml = (
            '<?xml version="1.0" encoding="UTF-8"?><OME xmlns='
            '"http://www.openmicroscopy.org/Schemas/OME/2016-06" '
            f'UUID="urn:uuid:{time:032d}"><Image ID="Image:0"><Pixels ID="Pixels:0" '
            f'DimensionOrder="XYZCT" Type="uint16" {sizes}>{"".join(blocks)}</Pixels></Image></OME>'
        )
        tifffile.imwrite(
            tmp_path / name, stacks[time].astype(np.uint16), description=xml, metadata=None
        )
    movie = read_timelapse(tmp_path, spacing_um=SPACING)
    assert (len(movie.time_points), *movie.shape_zyx) == stacks.shape
    assert len(movie.channel_names) == 1
    np.testing.assert_array_equal(movie.stack(1), stacks[1])


@pytest.mark.parametrize(
    ("pattern", "guessed"),
    [
        ("t{time:03}_z{z:03}.tif", True),
        ("t{time}c{channel}z{z:02}.tif", True),
        ("img_{time:03}_Default_{z:03}.tif", False),
        ("stack{time}_{z}.tif", False),
    ],
)
def test_a_file_for_each_plane(tmp_path, images, pattern, guessed):
    for t, c, z in np.ndindex(images.shape[:3]):
        if c == 0 or "{channel" in pattern:
            path = tmp_path / pattern.format(time=t, channel=c, z=z)
            tifffile.imwrite(path, images[t, c, z])
    with pytest.raises(UserError) as error:
        read_timelapse(tmp_path, spacing_um=SPACING)
    assert (f'pattern="{pattern}"' in str(error.value)) == guessed
    movie = read_timelapse(tmp_path, spacing_um=SPACING, pattern=pattern)
    channels = images.shape[1] if "{channel" in pattern else 1
    assert (len(movie.time_points), len(movie.channel_names)) == (len(images), channels)
    for channel in range(channels):
        np.testing.assert_array_equal(movie.stack(2, (channel + 1,)), images[2, channel])


def test_the_planes_of_one_stack(tmp_path, images):
    for z, plane in enumerate(images[0, 0]):
        tifffile.imwrite(tmp_path / f"z{z:03}.tif", plane)
    movie = read_timelapse(tmp_path, spacing_um=SPACING, pattern="z{z:03}.tif")
    assert len(movie.time_points) == 1
    np.testing.assert_array_equal(movie.stack(0), images[0, 0])
    (tmp_path / "z001.tif").unlink()
    tifffile.imwrite(tmp_path / "z009.tif", images[0, 0, 0])
    assert read_timelapse(tmp_path, spacing_um=SPACING, pattern="z{z:03}.tif").shape_zyx[0] > 1
