"""Each error that has a text has three parts, and is raised somewhere; names are there once."""

import ast
import json
import re
import string
from collections import Counter
from pathlib import Path

import pytest

import organoid_kit
from organoid_kit.base import UserError, make_error, refuse_if

PACKAGE = Path(organoid_kit.__file__).parent
FILES = sorted(PACKAGE.rglob("errors.json"))
ERRORS = {name: text for file in FILES for name, text in json.loads(file.read_bytes()).items()}
ENDINGS = ('[formats]"', '[scores]"', '[lab]"', "=tensorflow.", "or choose .aut.", "10.1371/…")


@pytest.mark.parametrize("name", ERRORS)
def test_errors_say_the_rule_what_came_and_what_to_do(name):
    text = ERRORS[name]
    advised = re.search(r"[.:;] Received: .*[.:!] ([A-Z{].*[.?]|{advice})$", text)
    assert advised or text.endswith(ENDINGS), text


def test_each_error_is_raised_somewhere_and_each_that_is_raised_has_a_text():
    """In the room whose file has its text, or for dashboards, in one of them."""
    names = Counter(name for file in FILES for name in json.loads(file.read_bytes()))
    assert {name for name, count in names.items() if count > 1} == set()
    used = {
        (path.relative_to(PACKAGE).parts[0], call.args[place].value)
        for path in PACKAGE.rglob("*.py")
        for call in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(call, ast.Call)
        for place in [
            {"make_error": 0, "refuse_if": 1}.get(ast.unparse(call.func).rpartition(".")[2])
        ]
        if place is not None and isinstance(call.args[place], ast.Constant)
    }
    actions = json.loads((PACKAGE / "dashboards" / "annotation" / "actions.json").read_bytes())
    chosen = {name for name, action in actions.items() if action["needed"]}
    corrections = json.loads((PACKAGE / "dashboards" / "tracks" / "corrections.json").read_bytes())
    chosen |= corrections.keys() - {"confirm", "add"}
    used |= {("dashboards", f"chosen to {name}") for name in chosen}
    texts = {
        (file.relative_to(PACKAGE).parts[0], name)
        for file in FILES
        for name in json.loads(file.read_bytes())
    }
    assert used == texts


def test_texts_ask_for_what_is_passed():
    """Where all is passed by name, a text has a place for each of these, and no other."""
    for path in PACKAGE.rglob("*.py"):
        for call in ast.walk(ast.parse(path.read_text("utf-8"))):
            name = ast.unparse(call.func).rpartition(".")[2] if isinstance(call, ast.Call) else ""
            if name not in ("make_error", "refuse_if"):
                continue
            error, *where = call.args[name == "refuse_if" :]
            passed = {keyword.arg for keyword in call.keywords}
            if isinstance(error, ast.Constant) and None not in passed:
                fields = (field for _, field, *_ in string.Formatter().parse(ERRORS[error.value]))
                wanted = {re.split(r"\W", field)[0] for field in fields if field}
                assert wanted == passed | ({"where"} if where else set()), (path, error.value)


def test_refusing():
    refuse_if(False, "file name")
    with pytest.raises(UserError, match="must have a name"):
        refuse_if(True, "file name")
    assert "'x' of StackBrowser" in str(
        make_error("plain", name="StackBrowser", error="'x' of StackBrowser")
    )
    assert "Received: 'a.txt': byte 3." in str(make_error("UTF-8", Path("a.txt"), start=3))
