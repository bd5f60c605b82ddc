"""`python -m organoid_kit`."""

import sys
import warnings

from organoid_kit.base.environment import keep_memory
from organoid_kit.cli import main, spell_advice

keep_memory()
warnings.formatwarning = lambda message, *where: f"Note: {spell_advice(str(message))}\n"
sys.exit(main())
