"""Ten minutes of Python, docs/python.md: Python answers what the page says."""

import re
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "python.md"


def test_python_answers_what_the_page_says():
    names, checked = {}, 0
    for code in re.findall(r"^```python\n(.*?)^```", PAGE.read_text("utf-8"), re.M | re.S):
        asked = [line.partition("# → ") for line in code.splitlines() if "# → " in line]
        exec("\n".join(line for line in code.splitlines() if "# → " not in line), names)
        for line, _, answer in asked:
            assert " ".join(str(eval(line, names)).split()) == " ".join(answer.split()), line
            checked += 1
    assert checked > 15
