import pytest

from organoid_kit.base.errors import UserError
from organoid_kit.data.formats import read_annotations, write_annotations


@pytest.mark.parametrize(
    "name", ["a.aut", "A.AUT", "a.csv", "a.xml", "a.geff", "a.zarr", "01", "01_RES"]
)
def test_every_format_comes_back_by_its_name(lineage, tmp_path, name):
    if name.endswith(("geff", "zarr")):
        pytest.importorskip("geff", reason="the geff library, an extra, is not installed")
    options = {} if "." in name else {"shape_zyx": (8, 32, 32)}
    write_annotations(lineage, tmp_path / name, **options)
    again = read_annotations(tmp_path / name)
    assert (len(again), len(again.links), len(again.divisions())) == (7, 5, 1)


def test_a_geff_is_known_by_what_is_in_the_folder(lineage, tmp_path):
    pytest.importorskip("geff", reason="the geff library, an extra, is not installed")
    write_annotations(lineage, tmp_path / "a.geff")
    (tmp_path / "a.geff").rename(tmp_path / "tracks")
    assert len(read_annotations(tmp_path / "tracks")) == 7


@pytest.mark.parametrize("name", ["a.docx", "a.tsv"])
def test_a_format_that_cannot_be_written_is_an_error(lineage, tmp_path, name):
    with pytest.raises(UserError, match=name):
        write_annotations(lineage, tmp_path / name)


def test_a_format_that_is_unknown_or_missing_is_an_error(tmp_path):
    (tmp_path / "a.docx").touch()
    for name in ("a.docx", "missing.aut"):
        with pytest.raises(UserError, match=name):
            read_annotations(tmp_path / name)


def test_an_option_that_a_format_does_not_have_is_an_error(lineage, tmp_path):
    with pytest.raises(UserError, match="radius"):
        write_annotations(lineage, tmp_path / "a.aut", radius_um=3)


def test_a_folder_needs_the_shape_of_the_movie(lineage, tmp_path):
    with pytest.raises(UserError, match="shape_zyx"):
        write_annotations(lineage, tmp_path / "01")


def test_a_path_too_long_to_exist_is_one_clear_error():
    with pytest.raises(UserError, match="must exist"):
        read_annotations("a" * 400 + ".aut")
