"""A question with choices, each answered with a reason: radio buttons, or HTML, or text."""

from dataclasses import dataclass
from typing import Any

from organoid_kit.course.lessons.exercise import Verdict, format_html

# ipywidgets cuts long labels off, and puts the button behind the text; these wrap, beside it.
_STYLE = """<style>
.ok-question .widget-radio-box label {
    display: flex; height: auto; line-height: 1.4; white-space: normal; margin-bottom: 6px;}
.ok-question .widget-radio-box input {order: -1; flex: none; float: none; margin-right: 8px;}
.ok-question .widget-radio-box {max-width: none; height: auto; margin-bottom: 0;}
</style>"""
_NO_ANSWER = '<div role="status" aria-live="polite"></div>'


@dataclass(frozen=True, repr=False)
class Question:
    """A knowledge check, or a guess before a cell is run."""

    text: str  # the question
    choices: dict[str, str]  # what can be answered, by key: {"a": "…", "b": "…"}
    right: str  # the key of what is right
    because: dict[str, str]  # what is said to each choice, by key

    def check(self, choice: str) -> Verdict:
        """What is right or wrong about a choice."""
        key = str(choice).strip().lower()
        if key not in self.choices:
            ask = f"Choose one of {', '.join(self.choices)}. Received: {choice!r}."
            return Verdict("not tried", ask)
        return Verdict("right" if key == self.right else "wrong", self.because[key])

    def __repr__(self) -> str:
        choices = (f"  {key}) {choice}" for key, choice in self.choices.items())
        calls = " or ".join(f'.check("{key}")' for key in self.choices)
        to_answer = f"To answer, write behind the question: {calls}"
        return "\n".join([f"Question: {self.text}", *choices, to_answer])

    def _repr_html_(self) -> str:
        """For pages without a kernel: the choices, and the answers to open."""
        choices = (f"<li>{key}) {format_html(said)}</li>" for key, said in self.choices.items())
        answers = (f"{key}) {self.check(key)._repr_html_()}" for key in self.choices)
        return (
            f'<div class="ok-question"><p><b>Question.</b> {format_html(self.text)}</p>'
            f'<ul style="list-style:none">{"".join(choices)}</ul>'
            f"<details><summary>Answers</summary>{''.join(answers)}</details></div>"
        )

    def _repr_mimebundle_(self, **_: Any) -> dict[str, Any]:
        """Radio buttons where widgets are shown, otherwise HTML or text."""
        view = {"version_major": 2, "version_minor": 0, "model_id": self.widget().model_id}
        shown = {"text/plain": repr(self), "text/html": self._repr_html_()}
        return {**shown, "application/vnd.jupyter.widget-view+json": view}

    def widget(self) -> Any:
        """A box of question, radio buttons and feedback, in this order; nothing is chosen yet."""
        from ipywidgets import HTML, Layout, RadioButtons, VBox

        labels = [(f"{key}) {said.replace('`', '')}", key) for key, said in self.choices.items()]
        buttons = RadioButtons(options=labels, value=None, layout=Layout(width="auto"))
        feedback = HTML(_NO_ANSWER)

        def answer(change: dict[str, Any]) -> None:
            key = change["new"]
            feedback.value = self.check(key)._repr_html_() if key else _NO_ANSWER

        buttons.observe(answer, "value")
        question = HTML(f"{_STYLE}<b>Question.</b> {format_html(self.text)}")
        box = VBox([question, buttons, feedback])
        for widget, name in ((box, "question"), (buttons, "choices"), (feedback, "feedback")):
            widget.add_class(f"ok-{name}")
        return box
