"""What .ci/audit.py makes of what pip-audit says."""

import importlib.util
import json
from pathlib import Path

import pytest

SPEC = importlib.util.spec_from_file_location("audit", Path(__file__).parents[1] / ".ci/audit.py")
audit = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(audit)
HOLE = {"id": "PYSEC-1", "aliases": ["GHSA-a"], "fix_versions": ["2.0"], "description": "it leaks"}


def say(*packages: dict) -> str:
    return json.dumps({"dependencies": list(packages), "fixes": []})


FINE = {"name": "numpy", "version": "2.1.3", "vulns": []}
LEAKING = {"name": "leaking", "version": "1.0", "vulns": [HOLE]}
UNKNOWN = {"name": "numpy", "skip_reason": "Dependency not found on PyPI"}


def test_a_known_hole_fails_and_says_where_it_is_mended():
    said, status = audit.judge(say(FINE, LEAKING), {})
    assert status == 1 and said[0] == "leaking 1.0: PYSEC-1, mended in 2.0"


def test_an_exception_counts_by_either_name_and_needs_a_reason():
    exceptions = audit.read_exceptions("# holes\nGHSA-a  not used here\n")
    said, status = audit.judge(say(LEAKING), exceptions)
    assert status == 0 and "excepted: not used here" in said[0]
    with pytest.raises(SystemExit, match="needs a reason"):
        audit.read_exceptions("GHSA-a\n")


def test_an_exception_for_nothing_is_named():
    assert "GHSA-a is excepted for nothing" in audit.judge(say(FINE), {"GHSA-a": "old"})[0][0]


@pytest.mark.parametrize("answer", ["", "ConnectionError: no route", "[]", say(UNKNOWN, UNKNOWN)])
def test_where_nobody_could_be_asked_it_says_so_and_does_not_fail(answer):
    said, status = audit.judge(answer, {})
    assert status == 0 and "NOT looked for" in said[0]


def test_what_is_not_known_there_is_counted():
    assert audit.judge(say(FINE, UNKNOWN), {})[0] == ["1 packages asked for, 1 not known there."]
