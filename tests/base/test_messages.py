"""Warnings point at the line of whoever called the kit."""

import warnings
from pathlib import Path

import organoid_kit
from organoid_kit.training.runs import compare_runs


def test_a_warning_points_at_the_users_line(tmp_path):
    """Also where the kit calls itself in between, here `list_runs`."""
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "run.json").write_text("damaged")
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        compare_runs(tmp_path)
    assert [warning.filename for warning in told] == [__file__]


def test_nobody_warns_by_another_door():
    package = Path(organoid_kit.__file__).parent
    files = [path for path in package.rglob("*.py") if "warnings.warn(" in path.read_text("utf-8")]
    assert files == [package / "base" / "errors.py"]
