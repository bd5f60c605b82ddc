"""`python -m organoid_kit`."""

import os
import sys
import warnings

from organoid_kit.base.environment import keep_memory
from organoid_kit.cli import main, spell_advice

keep_memory()
warnings.formatwarning = lambda message, *where: f"Note: {spell_advice(str(message))}\n"
try:
    try:
        sys.exit(main())
    finally:
        sys.stdout.flush()
except BrokenPipeError:  # who read along has ended, as `head` does
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # for the flush at the exit
    sys.exit(141)
