"""`python -m organoid_kit`."""

import os
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # before TensorFlow is loaded: it says much that helps nobody

from organoid_kit.cli import main  # noqa: E402

sys.exit(main())
