import hashlib
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from organoid_kit.base.errors import UserError
from organoid_kit.data import downloads
from organoid_kit.data.dataset import read_dataset
from organoid_kit.data.downloads import (
    SAMPLES,
    download_real_organoid,
    find_samples,
    read_real_organoid,
)

ROOT = Path(__file__).parents[2]
SHARED = Path(__file__).parents[3] / "shared" / "data" / "lstree_enterocyst"
needs_real_organoid = pytest.mark.skipif(
    not SHARED.exists(), reason="The real organoid is not beside the checkout."
)
NOWHERE = "http://127.0.0.1:9/"  # nobody listens at the port that discards


class Server:
    """A local web server that notes what it was asked for."""

    def __init__(self, folder: Path) -> None:
        self.asked: list[str] = []
        server = self

        class Handler(SimpleHTTPRequestHandler):
            def do_GET(self):
                server.asked.append(self.path)
                super().do_GET()

            def log_message(self, *args):
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=str(folder)))
        self.url = f"http://127.0.0.1:{self.http.server_port}/"
        threading.Thread(target=self.http.serve_forever, daemon=True).start()


@pytest.fixture
def source(tmp_path):
    """A server with four small files laid out like the real organoid's source, and their checksums
    in the kit.
    """
    folder = tmp_path / "source"
    for name, _ in downloads._REAL_ORGANOID_FILES.values():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(f"this is {name}")
    server = Server(folder)
    yield server
    server.http.shutdown()


@pytest.fixture
def small_files(monkeypatch):
    """Checksums of what `source` serves."""
    files = {
        name: (source, hashlib.sha256(f"this is {source}".encode()).hexdigest())
        for name, (source, _) in downloads._REAL_ORGANOID_FILES.items()
    }
    monkeypatch.setattr(downloads, "_REAL_ORGANOID_FILES", files)


def test_downloads_each_file_once(source, small_files, tmp_path):
    folder = download_real_organoid(tmp_path / "Organoïd 1", url=source.url)
    assert (
        folder / "images" / "P4_Ch1-T0323.tif"
    ).read_text() == "this is Channel1/P4_Ch1-T0323.tif"
    assert len(source.asked) == 4
    download_real_organoid(folder, url=source.url)
    assert len(source.asked) == 4


def test_a_file_that_was_cut_off_is_downloaded_again(source, small_files, tmp_path):
    folder = download_real_organoid(tmp_path / "real", url=source.url)
    (folder / "mamut_deconv.xml").write_text("this is m")
    download_real_organoid(folder, url=source.url)
    assert (folder / "mamut_deconv.xml").read_text() == "this is mamut_deconv.xml"
    assert len(source.asked) == 5


def test_a_changed_source_is_refused(source, tmp_path):
    with pytest.raises(UserError, match=r"P4_Ch1-T0322\.tif must be downloaded.*hash"):
        download_real_organoid(tmp_path / "real", url=source.url)


def test_a_missing_file_is_one_clear_error(source, small_files, tmp_path):
    with pytest.raises(UserError, match="404"):
        download_real_organoid(tmp_path / "real", url=source.url + "elsewhere/")


def test_offline_is_one_clear_error(tmp_path):
    with pytest.raises(UserError, match="Check the connection"):
        download_real_organoid(tmp_path / "real", url=NOWHERE)


@needs_real_organoid
def test_files_that_are_there_are_taken_as_they_are():
    assert download_real_organoid(SHARED, url=NOWHERE) == SHARED


@needs_real_organoid
def test_the_real_organoid_opens():
    one = read_real_organoid(SHARED)
    assert one.movie.time_points == range(322, 325)
    assert one.movie.shape_zyx == (76, 333, 331)
    assert (len(one.annotations), len(one.annotations.links), len(one.annotations.divisions())) == (
        76,
        51,
        1,
    )
    assert one.annotations.time_points[one.annotations.divisions()].tolist() == [323]


def test_samples_of_the_checkout_are_found():
    assert find_samples(url=NOWHERE) == ROOT / "data_samples"


def test_samples_are_downloaded_where_there_are_none(tmp_path):
    server = Server(ROOT / "data_samples")
    folder = find_samples(tmp_path / "data_samples", url=server.url)
    server.http.shutdown()
    assert [each.movie.shape_zyx for each in read_dataset(folder / "training.autlist")] == [
        (20, 112, 112)
    ] * 2
    assert find_samples(folder, url=NOWHERE) == folder


def test_list_of_samples_is_what_is_bundled():
    bundled = {
        path.name
        for path in (ROOT / "data_samples").iterdir()
        if path.suffix in (".aut", ".tif", ".autlist", ".json")
    }
    assert set(SAMPLES) == bundled
