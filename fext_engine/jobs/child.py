"""A job's own process: `python -m fext_engine.jobs.child RESOURCES JOB_FOLDER`, started by the supervisor."""

from __future__ import annotations

import faulthandler
import sys
from pathlib import Path

from fext_engine.errors import FextError, JobStopped
from fext_engine.jobs.platform import lower_priority
from fext_engine.jobs.run import EXIT_INTERRUPTED
from fext_engine.jobs.together import run_together
from fext_engine.ranks import under_torchrun
from fext_engine.workspace import Workspace


def main(resources: str, folder: str) -> int:
    """Run the job; the exit code is the command line's: 0 done, 1 failed, 130 stopped."""
    faulthandler.enable()  # a crash of native code leaves a trace in output.log
    lower_priority()
    try:
        run_together(Workspace(Path(resources)), lambda: Path(folder), in_sight=False)
    except JobStopped:
        return 0 if under_torchrun() else EXIT_INTERRUPTED
    except FextError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:3]))
