"""A process that examines images: reads chunks of tasks from stdin, answers on stdout, ends with its parent."""

from __future__ import annotations

import os
import pickle
import signal
import sys
from typing import BinaryIO

import cv2

from fext_engine.images.examine import examine
from fext_engine.images.findings import READY  # not from the pool, whose psutil takes a while to import


def serve(requests: BinaryIO, answers: BinaryIO) -> None:
    """Answer `(root, [Task, ...])` with `[Examined, ...]`, both pickled, until the other side is gone."""
    answers.write(READY)
    answers.flush()
    while True:
        try:
            root, tasks = pickle.load(requests)
        except EOFError:
            return
        pickle.dump([examine(root, task) for task in tasks], answers, pickle.HIGHEST_PROTOCOL)
        answers.flush()


def main() -> None:
    """Take over stdin and stdout for the conversation; what native code prints from now on goes nowhere."""
    cv2.setNumThreads(1)  # the parallel work is one process a core
    for number in (signal.SIGINT, signal.SIGTERM):  # sent to the whole group: the parent decides when to end
        signal.signal(number, signal.SIG_IGN)
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.dup2(nowhere, sys.stderr.fileno())
    try:
        serve(sys.stdin.buffer, answers)
    except (BrokenPipeError, ConnectionError):
        os._exit(0)  # the parent died; closing the pipe would only fail again


if __name__ == "__main__":
    main()
