"""`python -m organoid_kit`."""

import sys

from organoid_kit.cli import main

sys.exit(main())
