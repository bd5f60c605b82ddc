"""What only the course needs: lessons that check answers, easy tasks, results, runs kept safe.

Its modules, in the order of use:

    lessons/        exercises and questions, one module a notebook
    synthetic/      invented movies, of which the truth is known
    ladder          can a network learn one patch by heart?
    results_table   whatever was trained adds a row
    measured/       trainings measured before, too long for a lesson
    figures         of lessons, results and measured trainings
    run_keeping     runs kept where a Colab machine's end does not reach them
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
