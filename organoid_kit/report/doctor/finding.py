"""What the doctor says: a symptom, its number, its likely cause, and what to do; see symptoms.md."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from organoid_kit.plots.drawing import count


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong, or looks wrong."""

    symptom: str  # short and always the same, such as "axes swapped"
    where: str  # the movie or run it was found in; empty where it concerns several
    measured: str  # with its number
    cause: str  # what it comes from most often
    advice: str  # what to do next

    def __str__(self) -> str:
        where = f" in {self.where}" if self.where else ""
        heading = f"{self.symptom[0].upper()}{self.symptom[1:]}{where}"
        parts = {"Measured": self.measured, "Likely cause": self.cause, "What to do": self.advice}
        return "\n".join([heading, *(f"  {name}: {text}" for name, text in parts.items())])


def make_finding(symptom: str, where: str, **values: Any) -> Finding:
    """A finding with its texts from symptoms.md, in which values are filled in."""
    texts = (text.format(**values) for text in _read_symptoms()[symptom])
    return Finding(symptom.partition(" (")[0], where, *texts)


@cache
def _read_symptoms() -> dict[str, list[str]]:
    """The three texts of each symptom."""
    parts = Path(__file__).with_name("symptoms.md").read_text("utf-8").split("\n## ")[1:]
    lines = ([" ".join(text.split()) for text in part.split("\n\n")] for part in parts)
    return {symptom: texts for symptom, *texts in lines}


def format_findings(findings: Sequence[Finding]) -> str:
    """Findings as text, one below the other; without any, that this proves nothing."""
    if not findings:
        return "No finding. The doctor knows its symptoms only: look at your data, too."
    return "\n\n".join([f"{count(len(findings), 'finding')}.", *map(str, findings)])
