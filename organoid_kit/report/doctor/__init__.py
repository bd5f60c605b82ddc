"""A doctor for trainings: symptoms, each with its number, its likely cause, and what to do.

There are three times to ask: before a training (`diagnose_data`), after it (`diagnose_run`), and
when a network is used (`diagnose_microscope`, `diagnose_predictions`). Nothing here raises on data,
and nothing loads Keras. It calls what the kit measures anyway: `check_annotations`, `find_leaks`,
`describe_history`. What it says stands in symptoms.md.
"""

from organoid_kit.report.doctor.finding import Finding, format_findings
from organoid_kit.report.doctor.predictions import diagnose_microscope, diagnose_predictions
from organoid_kit.report.doctor.training import diagnose_data, diagnose_run

__all__ = [
    "Finding",
    "diagnose_data",
    "diagnose_microscope",
    "diagnose_predictions",
    "diagnose_run",
    "format_findings",
]
