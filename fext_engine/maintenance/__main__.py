"""`python -m fext_engine.maintenance`, which `run.sh maintenance` starts."""

from __future__ import annotations

import sys

from fext_engine.maintenance.console import main

sys.exit(main(sys.argv[1:]))
