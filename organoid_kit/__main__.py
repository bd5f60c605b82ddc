"""`python -m organoid_kit`."""

import sys
import warnings

from organoid_kit.base.environment import keep_memory
from organoid_kit.cli import main

keep_memory()
warnings.formatwarning = lambda message, *where: f"Note: {message}\n"
sys.exit(main())
