"""`python -m fext_engine VERB ...`: the command line without the installed `fext`."""

from __future__ import annotations

import sys

from fext_engine.cli import main

if __name__ == "__main__":
    sys.exit(main())
