"""`python -m neocog.cli`."""

import sys

from neocog.cli import main

sys.exit(main())
