"""Makes an nbgrader assignment of a student notebook: each exercise is an answer, its check gives a point.

    python docs/teaching/make_assignment.py 02 my_course

It writes my_course/source/02_check_annotations/02_check_annotations.ipynb, and my_course/nbgrader_config.py if there is
none yet. What follows is nbgrader's: see grading.md.
"""

import re
import sys
from pathlib import Path

import nbformat

NOTEBOOKS = Path(__file__).resolve().parents[2] / "notebooks"
CONFIG = """c = get_config()
c.CourseDirectory.course_id = "organoid_kit"
c.CourseDirectory.root = "."
# Exercises hold their beginning already: nbgrader must not replace it.
c.GenerateAssignment.preprocessors = [
    "nbgrader.preprocessors.LockCells",
    "nbgrader.preprocessors.ComputeChecksums",
    "nbgrader.preprocessors.SaveCells",
    "nbgrader.preprocessors.CheckCellMetadata",
]
c.ExecutePreprocessor.timeout = 1800
"""
CHECK = re.compile(r"^lesson\.(\w+)\.check\((.*)\)$")  # the whole of a cell


def mark_cell(cell: nbformat.NotebookNode, name: str, **kind) -> None:
    """Says to nbgrader what a cell is."""
    plain = {"grade": False, "solution": False, "locked": False, "task": False}
    cell.metadata["nbgrader"] = {
        **plain,
        **kind,
        "grade_id": name,
        "schema_version": 3,
        "cell_type": "code",
    }


def mark_exercises(notebook: nbformat.NotebookNode) -> int:
    """Makes exercises answers, and their checks tests. Returns how many points there are."""
    points = 0
    for cell in notebook.cells:
        if name := cell.metadata.get("exercise"):
            mark_cell(cell, name, solution=True)
        elif found := CHECK.match(cell.source.strip()):
            name, answer = found.groups()
            cell.source = f'verdict = lesson.{name}.check({answer})\nassert verdict.kind == "right", verdict.text'
            mark_cell(cell, f"check_{name}", grade=True, locked=True, points=1)
            points += 1
    return points


def main(number: str, course: Path) -> None:
    """Writes the assignment."""
    [path] = NOTEBOOKS.glob(f"{number}*.ipynb")
    notebook = nbformat.read(path, as_version=4)
    points = mark_exercises(notebook)
    folder = course / "source" / path.stem
    folder.mkdir(parents=True, exist_ok=True)
    nbformat.write(notebook, folder / path.name)
    if not (course / "nbgrader_config.py").exists():
        (course / "nbgrader_config.py").write_text(CONFIG, encoding="utf-8")
    print(f"{folder / path.name}: {points} points")


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
