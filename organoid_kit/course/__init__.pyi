"""What this room offers; each is loaded when it is first asked for."""

from . import figures, lessons, measured, synthetic
from .ladder import overfit_one_patch, overfit_one_time_point
from .lessons.exercise import choose_answer
from .measured import read_demonstration
from .results_table import add_result, read_results
from .run_keeping import BackupWriter, list_backups, open_backup_folder, restore_run

__all__ = [
    "BackupWriter",
    "add_result",
    "choose_answer",
    "figures",
    "lessons",
    "list_backups",
    "measured",
    "open_backup_folder",
    "overfit_one_patch",
    "overfit_one_time_point",
    "read_demonstration",
    "read_results",
    "restore_run",
    "synthetic",
]
