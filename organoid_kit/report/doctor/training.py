"""What went wrong in a training? Read from its folder, during it or after it."""

from organoid_kit.report.doctor.finding import Finding, make_finding
from organoid_kit.training import Run
from organoid_kit.training.diagnosis import describe_history
from organoid_kit.training.runs import NOT_FINITE

_FEW_EPOCHS = 3
_NOTHING = 0.05  # an F1 below is that of a network that finds nothing
_FALLEN = 0.9  # a loss below this part of the first one has fallen
_READINGS = ("Learning rate too high", "Not learning", "Overfitting")  # of `describe_history`


def diagnose_run(run: Run) -> list[Finding]:
    """What looks wrong in a training, from its history and its log.

    The curves are read by `describe_history`, as in the training dashboard.

    Args:
        run: finished, stopped, broken off, or still under way.

    Raises:
        UserError: the folder holds no run.
    """
    findings, where, history = [], run.folder.name, run.history
    log = run.folder / "log.txt"
    lines = log.read_text("utf-8").splitlines() if log.exists() else []
    if lines := [line for line in lines if NOT_FINITE in line]:
        rate = run.settings.learning_rate
        findings.append(make_finding("loss is NaN", where, line=lines[-1], rate=rate))
    reading = describe_history(history)
    for beginning in _READINGS:
        if reading.startswith(beginning):
            findings.append(make_finding(beginning.lower(), where, reading=reading))
    scores = [row["validation_f1"] for row in history if row.get("validation_f1") is not None]
    if len(scores) >= _FEW_EPOCHS and max(scores[-_FEW_EPOCHS:]) <= _NOTHING:
        first, last = history[0]["loss"], history[-1]["loss"]
        if last < _FALLEN * first:
            values = {"first": first, "last": last, "f1": scores[-1]}
            findings.append(make_finding("loss falls but nothing is found", where, **values))
    return findings
