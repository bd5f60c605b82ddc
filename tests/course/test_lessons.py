"""Exercises and questions: what they say, and that every one of every notebook judges rightly."""

import re
import sys
from pathlib import Path

import numpy as np
import pytest

from organoid_kit.course.lessons.exercise import (
    Exercise,
    NoAnswerYet,
    Question,
    match_numbers,
    run_answer,
)

ROOT = Path(__file__).parents[2]
NAMES = sorted(path.stem for path in (ROOT / "notebooks" / "source").glob("*.py"))
SHORT = 10  # lines of a solution with fewer characters may stand anywhere

sys.path.append(str(ROOT / "notebooks"))
import make_variants  # noqa: E402

each_notebook = pytest.mark.parametrize("name", NAMES)


def judge_double(answer):
    got = run_answer(answer, np.array([1.0, 2.0]))
    if match_numbers(got, [1, 4]):
        return "You squared. Twice 1 is 2."
    return None if match_numbers(got, [2, 4]) else "Twice [1, 2] is [2, 4]."


DOUBLE = dict(
    answer="double",
    judge=judge_double,
    hints=("One.", "Two."),
    code="def double(x):\n    return 2 * x",
    mistakes=(("def double(x):\n    return x**2", "You squared"),),
    because="Twice.",
)
EASY = Question(
    "2 < 3 in `Python`?",
    {"a": "yes", "b": "no"},
    "a",
    {"a": "2 is less.", "b": "Count again: 1, 2, 3."},
)


@pytest.fixture
def exercise():
    return Exercise(**DOUBLE)


def everything(lesson, kind):
    """Name → exercise or question."""
    found = {name: each for name, each in vars(lesson).items() if isinstance(each, kind)}
    texts = Path(lesson.__file__).with_suffix(".md").read_text("utf-8") if kind is Question else ""
    questions = re.findall(r"^## question (\w+)$", texts, re.MULTILINE)
    return found | {name: getattr(lesson, name) for name in questions}


def run_code(exercise: Exercise, code: str):
    """The answer after a cell was run."""
    names = {}
    exec(f"{exercise.given}\n{code}", names)
    return names[exercise.answer]


def starters(name: str) -> dict[str, str]:
    """Exercise → the cell a student begins with."""
    cells = make_variants.read_source(name).cells
    return {cell.metadata["exercise"]: cell.source for cell in cells if "exercise" in cell.metadata}


# ---- one exercise, one question


def test_right_wrong_and_not_tried(exercise):
    assert exercise.check(lambda x: x + x).kind == "right"
    assert exercise.check(lambda x: [2, 4]).kind == "right"
    assert repr(exercise.check(lambda x: x * x)) == "✗ Not yet. You squared. Twice 1 is 2."
    assert {exercise.check(each).kind for each in (None, ..., lambda x: None, lambda x: ...)} == {
        "not tried"
    }


def test_an_error_becomes_a_verdict(exercise):
    verdict = exercise.check(lambda x: x.no_such_thing)
    assert (
        verdict.kind == "wrong"
        and "AttributeError" in verdict.text
        and "no_such_thing" in verdict.text
    )
    assert exercise.check(3).kind == "wrong"
    assert exercise.check(lambda: 3).kind == "wrong"
    assert exercise.check(lambda x: sys.exit()).kind == "wrong"


def test_a_function_without_return_was_tried(exercise):
    def forget(x):
        doubled = 2 * x  # noqa: F841

    verdicts = [exercise.check(each) for each in (forget, lambda x: print(x))]
    assert {(each.kind, "`return …`" in each.text) for each in verdicts} == {("wrong", True)}


def test_what_python_says_to_beginners_is_explained(exercise):
    stopped = exercise.check(lambda x: 1 if np.arange(3) > 1 else 2)
    assert "Your code stopped" in stopped.text and "masks such as" in stopped.text
    assert "np.array(…)" in exercise.check(lambda x: (1, 2) * 0.5).text
    assert "if name in" in exercise.check(lambda x: {}["E"]).text
    assert "as in `np.log`" in exercise.check(lambda x: log(x)).text  # noqa: F821
    assert "Something is missing between" in exercise.check(lambda x: (lambda a, b: a)(x)).text
    assert "must be named" in exercise.check(lambda x: np.random.default_rng(1, 2, 3)).text
    other_kind = Exercise(**{**DOUBLE, "judge": lambda answer: float(answer(1)[0])}).check(
        lambda x: ["two"]
    )
    assert other_kind.kind == "wrong" and "of another kind than is asked for" in other_kind.text
    assert "Your code stopped" not in other_kind.text


def test_an_interrupt_goes_through(exercise):
    def wait_for_ever(x):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        exercise.check(wait_for_ever)


def test_an_answer_cannot_spoil_what_the_checker_holds():
    mine = np.ones(3)

    def spoil(x):
        x *= 0
        return x

    assert run_answer(spoil, mine).sum() == 0 and mine.sum() == 3
    with pytest.raises(NoAnswerYet):
        run_answer(lambda x: None, mine)


@pytest.mark.parametrize(
    "answer, matches",
    [
        ([1, 2], True),
        ((1.0, 2.05), True),
        (np.array([1, 2], "int8"), True),
        ([1, 2.2], False),
        ([[1, 2]], False),
    ]
    + [(each, False) for each in ("a", None, 1, [1, [2]], [1, np.nan], {})],
)
def test_numbers_match(answer, matches):
    assert match_numbers(answer, [1, 2], 0.1) == matches


def test_hints_come_one_by_one(exercise):
    said = [repr(exercise.hint()) for _ in range(3)]
    assert (
        said[0].startswith("Hint 1 of 2.\nOne.")
        and said[1].startswith("Hint 2 of 2.\nTwo.")
        and said[2] == said[1]
    )
    assert "solution" in said[1] and "solution" not in said[0]


def test_shuffled_lines_are_put_in_order(exercise):
    shown = exercise.puzzle()
    lines = [line.partition(": ")[2] for line in shown.code.splitlines()]
    assert sorted(lines) == sorted([*exercise.code.splitlines(), "    return x**2"])
    first, right, wrong = (
        1 + lines.index(each) for each in (*exercise.code.splitlines(), "    return x**2")
    )
    assert exercise.puzzle(first, right).kind == exercise.puzzle([first, right]).kind == "right"
    assert "You squared" in exercise.puzzle(first, wrong).text
    assert "must come before it" in exercise.puzzle(right, first).text
    refused = [exercise.puzzle(*order) for order in ((99,), ("a",), (right,), (None,))]
    assert {each.kind for each in refused} == {"wrong"}


def test_the_solution_shows_code_and_why(exercise):
    assert "return 2 * x" in repr(exercise.solution()) and "Twice." in repr(exercise.solution())


def test_all_that_is_shown_is_escaped():
    said = [
        Exercise(**{**DOUBLE, "because": "a < b", "code": "a < b", "hints": ("a < b",)}),
        Question("a < b", {"a": "a < b", "b": "<i>"}, "a", {"a": "a < b", "b": "a < b"}),
    ]
    pages = [
        said[0].hint(),
        said[0].solution(),
        said[0].check(lambda x: [2, 4]),
        said[1],
        said[1].check("b"),
    ]
    assert not [
        page for page in pages if "a < b" in page._repr_html_() or "a < b" not in repr(page)
    ]
    assert "<code>Python</code>" in EASY._repr_html_()
    assert {type(page._repr_html_()) for page in pages} == {str}  # can be put into other HTML


def test_a_verdict_says_its_kind_in_words(exercise):
    kinds = {exercise.check(each)._repr_html_() for each in (..., lambda x: 2 * x, lambda x: x)}
    assert {re.search("<b>(.*?)</b>", page)[1] for page in kinds} == {
        "○ Not tried yet.",
        "✓ Right.",
        "✗ Not yet.",
    }


def test_a_question_answers_every_choice():
    assert (EASY.check("a").kind, EASY.check(" B").kind, EASY.check("c").kind) == (
        "right",
        "wrong",
        "not tried",
    )
    assert EASY.check("b").text == "Count again: 1, 2, 3."
    assert "a, b" in EASY.check(1).text


def test_a_question_without_widgets_shows_choices_and_hides_answers():
    page = EASY._repr_html_()
    open_part, hidden = page.split("<details>")
    assert "a) yes" in open_part and "b) no" in open_part and "Count again" in hidden
    assert "Count again" not in open_part and "2 is less" not in open_part
    assert '.check("a")' in repr(EASY) and "b) no" in repr(EASY)


def test_a_question_with_widgets():
    box = EASY.widget()
    question, buttons, feedback = box.children
    assert "Python" in question.value and buttons.value is None
    buttons.value = "b"
    assert (
        "Not yet" in feedback.value
        and "Count again" in feedback.value
        and 'aria-live="polite"' in feedback.value
    )
    buttons.value = "a"
    assert "Right" in feedback.value and "Count again" not in feedback.value


def test_a_question_is_shown_as_widget_page_and_text():
    bundle = EASY._repr_mimebundle_()
    assert set(bundle) == {"text/plain", "text/html", "application/vnd.jupyter.widget-view+json"}
    assert set(bundle["application/vnd.jupyter.widget-view+json"]) == {
        "version_major",
        "version_minor",
        "model_id",
    }


# ---- those of the notebooks


@each_notebook
def test_exercises_judge_rightly(name):
    begun = starters(name)
    for title, each in everything(make_variants.load_lesson(name), Exercise).items():
        assert each.check(run_code(each, begun[title])).kind == "not tried", title
        for code in (each.code, *each.others):
            verdict = each.check(run_code(each, code))
            assert verdict.kind == "right", f"{title}: {verdict}\n{code}"
        for code, said in each.mistakes:
            verdict = each.check(run_code(each, code))
            assert verdict.kind == "wrong" and said in verdict.text, f"{title}: {verdict}\n{code}"


@each_notebook
def test_exercises_are_whole(name):
    for title, each in everything(make_variants.load_lesson(name), Exercise).items():
        assert len(each.mistakes) >= 2 and each.others and each.hints and each.because, title
        assert all(said.strip() for _, said in each.mistakes), title
        lines = [line for line in each.code.splitlines() if line.strip()]
        shuffled = each._shuffle_lines()
        assert len(shuffled) > len(lines), title
        assert len(lines) == 1 or shuffled[: len(lines)] != lines, title


@each_notebook
def test_questions_have_a_reason_for_every_choice(name):
    for title, each in everything(make_variants.load_lesson(name), Question).items():
        assert (
            set(each.choices) == set(each.because)
            and each.right in each.choices
            and len(each.choices) > 1
        ), title


@each_notebook
def test_every_exercise_and_question_stands_in_the_notebook_once(name):
    lesson = make_variants.load_lesson(name)
    cells = make_variants.read_source(name).cells
    exercises = [cell.metadata["exercise"] for cell in cells if "exercise" in cell.metadata]
    assert sorted(exercises) == sorted(everything(lesson, Exercise))
    questions = [make_variants.find_question(cell, lesson) for cell in cells]
    assert sorted(filter(None, questions)) == sorted(everything(lesson, Question))


@each_notebook
def test_an_exercise_is_checked_in_the_next_cell(name):
    cells = make_variants.read_source(name).cells
    lesson = make_variants.load_lesson(name)
    for cell, following in zip(cells, cells[1:]):
        if title := cell.metadata.get("exercise"):
            call = f"lesson.{title}.check({getattr(lesson, title).answer})"
            assert call in following.source


@each_notebook
def test_no_solution_stands_in_the_student_notebook(name):
    """No line of a solution but those the exercise begins with; metadata and all variants of blanks
    count.
    """
    begun = starters(name)
    notebook = " ".join((ROOT / "notebooks" / f"{name}.ipynb").read_text(encoding="utf-8").split())
    for title, each in everything(make_variants.load_lesson(name), Exercise).items():
        lines = [
            " ".join(line.split())
            for line in each.code.splitlines()
            if line.strip() not in begun[title]
        ]
        secret = [
            line.replace('"', '\\"') for line in lines if len(line) >= SHORT
        ]  # as it stands in a JSON file
        assert not [line for line in secret if line in notebook], title


def test_every_lesson_has_a_notebook():
    modules = (ROOT / "organoid_kit" / "course" / "lessons").glob("notebook_*.py")
    assert sorted(path.stem[-2:] for path in modules) == sorted(name[:2] for name in NAMES)
