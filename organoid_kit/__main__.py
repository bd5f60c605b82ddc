"""`python -m organoid_kit`."""

import sys
import warnings

from organoid_kit.cli import main

warnings.formatwarning = lambda message, *where: f"Note: {message}\n"
sys.exit(main())
