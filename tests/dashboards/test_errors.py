"""Each error of the dashboards has three parts, and is raised somewhere."""

import ast
import json
import re
from pathlib import Path

import pytest

from organoid_kit.base.errors import UserError
from organoid_kit.dashboards import parts
from organoid_kit.dashboards.parts.errors import make_error, refuse_if

FOLDER = Path(parts.__file__).parent
ERRORS = json.loads((FOLDER / "errors.json").read_text("utf-8"))
CALLS = [
    node
    for path in FOLDER.parent.rglob("*.py")
    for node in ast.walk(ast.parse(path.read_text("utf-8")))
    if isinstance(node, ast.Call)
]


@pytest.mark.parametrize("name", ERRORS)
def test_errors_say_the_rule_what_came_and_what_to_do(name):
    assert re.search(r"[.:;] Received: .*[.:] [A-Z].*\.$", ERRORS[name]), ERRORS[name]


def test_each_error_is_raised_somewhere_and_each_that_is_raised_has_a_text():
    used = set()
    for call in CALLS:
        place = {"make_error": 0, "refuse_if": 1}.get(ast.unparse(call.func).rpartition(".")[2])
        if place is not None and isinstance(call.args[place], ast.Constant):
            used.add(call.args[place].value)
    actions = json.loads((FOLDER.parent / "annotation" / "actions.json").read_text("utf-8"))
    used |= {f"chosen to {name}" for name, action in actions.items() if action["needed"]}
    assert used == set(ERRORS)


def test_refusing():
    refuse_if(False, "file name")
    with pytest.raises(UserError, match="must have a name"):
        refuse_if(True, "file name")
    assert "'x' of StackBrowser" in str(
        make_error("plain", name="StackBrowser", error="'x' of StackBrowser")
    )
