"""A learner's own call, used further on if it is right: so that a notebook goes on whatever was written."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from organoid_kit.lessons.exercise import Exercise


def take_answer(exercise: Exercise, answer: Any, otherwise: Callable[[], Any]) -> Any:
    """The answer if it is right, and says whose is used.

    Args:
        exercise: judges it.
        answer: the learner's; may be untried or wrong.
        otherwise: makes what is used instead; called only then.
    """
    is_right = exercise.check(answer).kind == "right"
    print(f"The notebook goes on with {'yours' if is_right else 'that of the kit'}.")
    return answer if is_right else otherwise()
