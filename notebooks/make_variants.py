"""Makes three notebooks of each notebooks/source/NN_name.py: student, solutions, instructor.

A cell marked `exercise="name"` holds the start of that exercise of the lesson, notebook_NN.py in
organoid_kit/course/lessons; with solutions it holds the exercise's code. A cell tagged `instructor`
stands in the instructor's notebook only. There, typical wrong answers follow each exercise.

    python notebooks/make_variants.py         # all; `make notebooks` does the same
    python notebooks/make_variants.py 04 05   # these

Cells that only install or import are folded away. A film that a text shows as `attachment:NAME`
is taken from docs/pictures into the notebook, so that it plays everywhere, and before any cell ran.

A notebook in which somebody has written or run something is kept beside the new one.
"""

from __future__ import annotations

import ast
import base64
import copy
import hashlib
import re
import sys
from datetime import datetime
from importlib import import_module
from pathlib import Path
from types import ModuleType

import jupytext
import nbformat
from nbformat import NotebookNode

NOTEBOOKS = Path(__file__).parent
NAMES = sorted(path.stem for path in (NOTEBOOKS / "source").glob("*.py"))
FOLDERS = {
    "student": NOTEBOOKS,
    "solutions": NOTEBOOKS / "solutions",
    "instructor": NOTEBOOKS / "instructor",
}
NOTES = {
    "student": "",
    "solutions": "\n\n*This copy holds the solutions.*",
    "instructor": "\n\n*This copy is for teachers: "
    "it holds the solutions, typical mistakes and remarks.*",
}
PICTURES = NOTEBOOKS.parent / "docs" / "pictures"
KERNEL = {"display_name": "Python 3", "language": "python", "name": "python3"}
ID_LENGTH = 12


def load_lesson(name: str) -> ModuleType:
    """The exercises and questions of a notebook.

    Args:
        name: of the notebook, such as "02_check_annotations".
    """
    return import_module(f"organoid_kit.course.lessons.notebook_{name[:2]}")


def find_exercise(cell: NotebookNode) -> str | None:
    """The name of the exercise that begins in this cell."""
    return cell.metadata.get("exercise")


def read_source(name: str) -> NotebookNode:
    """The cells of a source file, with the tags and marks that they have there."""
    return jupytext.read(NOTEBOOKS / "source" / f"{name}.py")


def is_for_teachers(cell: NotebookNode) -> bool:
    """Whether a cell stands in the instructor's notebook only."""
    return "instructor" in cell.metadata.get("tags", [])


def find_question(cell: NotebookNode, lesson: ModuleType) -> str | None:
    """The name of the question that this cell shows, or None."""
    name = cell.source.strip().removeprefix("lesson.")
    is_question = hasattr(getattr(lesson, name, None), "choices")
    return name if cell.cell_type == "code" and is_question else None


def say_answer(lesson: ModuleType, name: str) -> NotebookNode:
    """The right choice and its reason, as a cell."""
    question = getattr(lesson, name)
    right = question.right
    text = f"**Answer.** {right}) {question.choices[right]}\n\n{question.because[right]}"
    return nbformat.v4.new_markdown_cell(text)


def say_mistakes(lesson: ModuleType, name: str) -> NotebookNode:
    """Typical wrong answers and what the checker says to them, as a cell."""
    said = f"a part of what `lesson.{name}.check` says"
    parts = [f"**For teachers.** Wrong answers that one meets here, and {said}:"]
    for code, said in getattr(lesson, name).mistakes:
        parts.append(f"```python\n{code.strip()}\n```\n“… {said} …”")
    return nbformat.v4.new_markdown_cell("\n\n".join(parts))


def add_behind(
    cell: NotebookNode, before: NotebookNode, variant: str, lesson: ModuleType
) -> list[NotebookNode]:
    """What follows a cell in a variant: the answer to a question, wrong answers to an exercise."""
    if question := find_question(cell, lesson):
        return [say_answer(lesson, question)] if variant != "student" else []
    if exercise := find_exercise(before):
        return [say_mistakes(lesson, exercise)] if variant == "instructor" else []
    return []


def make_cells(cells: list[NotebookNode], variant: str, lesson: ModuleType) -> list[NotebookNode]:
    """The cells of one variant; those of the source stay as they are."""
    is_theirs = variant == "instructor"
    cells = [cell for cell in copy.deepcopy(cells) if is_theirs or not is_for_teachers(cell)]
    cells[0].source += NOTES[variant]
    made = cells[:1]
    for before, cell in zip(cells, cells[1:]):
        made += [cell, *add_behind(cell, before, variant, lesson)]
    for cell in cells:
        if variant != "student" and (exercise := find_exercise(cell)):
            cell.source = getattr(lesson, exercise).code.strip()
    return made


def is_set_up(cell: NotebookNode) -> bool:
    """Whether a cell only installs or imports: readers of a notebook need not look at it."""
    if cell.cell_type != "code" or "exercise" in cell.metadata:
        return False
    lines = ast.parse(cell.source).body
    imports = all(isinstance(line, ast.Import | ast.ImportFrom) for line in lines)
    return bool(lines) and (imports or "google.colab" in cell.source)


def fold(cell: NotebookNode) -> None:
    """Hides the code of a cell: in JupyterLab, on Colab, and on the site."""
    cell.metadata["jupyter"] = {"source_hidden": True}
    cell.metadata["cellView"] = "form"
    cell.metadata["tags"] = [*cell.metadata.get("tags", []), "hide-input"]


def attach_pictures(cell: NotebookNode) -> None:
    """Puts the pictures that a text shows as `attachment:NAME` into its cell."""
    names = re.findall(r"\(attachment:([\w.]+)\)", cell.source)
    if names and cell.cell_type == "markdown":
        read = {name: base64.b64encode((PICTURES / name).read_bytes()).decode() for name in names}
        cell.attachments = {
            name: {f"image/{name.rpartition('.')[2]}": code} for name, code in read.items()
        }


def name_cells(cells: list[NotebookNode]) -> None:
    """Gives each cell an id made of what is in it: a notebook made twice is the same."""
    seen: dict[str, int] = {}
    for cell in cells:
        text = f"{cell.cell_type}\n{cell.source}"
        seen[text] = seen.get(text, 0) + 1
        cell.id = hashlib.sha256(f"{text}\n{seen[text]}".encode()).hexdigest()[:ID_LENGTH]


def make_notebook(name: str, variant: str) -> str:
    """The text of an .ipynb file, without outputs.

    Args:
        name: of the notebook, such as "02_check_annotations".
        variant: "student", "solutions" or "instructor".
    """
    read = read_source(name)
    cells = make_cells(read.cells, variant, load_lesson(name))
    name_cells(cells)
    for cell in cells:
        attach_pictures(cell)
        if is_set_up(cell):
            fold(cell)
    facts = read.metadata.get("organoid_kit", {})
    metadata = {"kernelspec": KERNEL, "organoid_kit": {**facts, "variant": variant}}
    notebook = nbformat.v4.new_notebook(cells=cells, metadata=metadata)
    return nbformat.writes(notebook, version=4) + "\n"


def is_untouched(notebook: NotebookNode) -> bool:
    """Whether a notebook is as it was made: nothing was written into it, and nothing was run."""
    as_made = copy.deepcopy(notebook.cells)
    name_cells(as_made)
    was_run = any(cell.get("outputs") or cell.get("execution_count") for cell in notebook.cells)
    ids = [cell.get("id") for cell in notebook.cells]
    return not was_run and [cell.id for cell in as_made] == ids


def keep_work(path: Path) -> None:
    """Moves a notebook in which somebody has worked aside, under a name of its own."""
    if path.exists() and not is_untouched(nbformat.read(path, as_version=4)):
        kept = path.with_name(f"{path.stem}_kept_{datetime.now():%Y-%m-%d_%H-%M-%S-%f}.ipynb")
        path.rename(kept)
        print(f"kept your work as {kept.name}")


def write_if_new(path: Path, text: str) -> bool:
    """Writes a file that is missing or differs, see `keep_work`; says whether it did."""
    if path.exists() and path.read_text(encoding="utf-8") == text:
        return False
    keep_work(path)
    path.parent.mkdir(exist_ok=True)
    path.write_text(text, encoding="utf-8", newline="\n")
    return True


def main(names: list[str]) -> None:
    """Writes all that is missing or not in step with its source.

    Args:
        names: how the names of the wanted notebooks begin, such as "04"; none: all of them.
    """
    for name in (name for name in NAMES if name.startswith(tuple(names) or "")):
        for variant, folder in FOLDERS.items():
            path = folder / f"{name}.ipynb"
            if write_if_new(path, make_notebook(name, variant)):
                print(f"wrote {path.relative_to(NOTEBOOKS.parent)}")


if __name__ == "__main__":
    main(sys.argv[1:])
