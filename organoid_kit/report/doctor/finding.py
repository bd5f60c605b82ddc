"""What the doctor says: a symptom, the number behind it, what it comes from most often, and what to
do.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from organoid_kit.plots.drawing import count


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong, or looks wrong.

    Attributes:
        symptom: short and always the same, such as "axes swapped".
        where: the movie or run it was found in; empty where it concerns several.
        measured: what was measured, with its number.
        cause: what it comes from most often.
        advice: what to do next.
    """

    symptom: str
    where: str
    measured: str
    cause: str
    advice: str

    def __str__(self) -> str:
        heading = (
            self.symptom[0].upper() + self.symptom[1:] + (f" in {self.where}" if self.where else "")
        )
        parts = {"Measured": self.measured, "Likely cause": self.cause, "What to do": self.advice}
        return "\n".join([heading, *(f"  {name}: {text}" for name, text in parts.items())])


def format_findings(findings: Sequence[Finding]) -> str:
    """Findings as text, one below the other.

    Without any it says so, and that this proves nothing: the doctor knows its symptoms only.
    """
    if not findings:
        return "No finding. The doctor knows its symptoms only: look at your data, too."
    return "\n\n".join([f"{count(len(findings), 'finding')}.", *map(str, findings)])
