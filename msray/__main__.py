"""``python -m msray``."""

import sys

from msray.cli.app import main

sys.exit(main())
