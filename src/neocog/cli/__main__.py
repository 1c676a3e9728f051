"""`python -m neocog.cli`; also what `neocog launch` and torchrun start, several times."""

import os
import sys

if "NEOCOG_LAUNCH" in os.environ or int(os.environ.get("WORLD_SIZE", "1")) > 1:
    from neocog.cli.worker import work

    sys.exit(work())

from neocog.cli import main

sys.exit(main())
