"""A program that was stopped without being asked (SIGSTOP) and goes on: it leaves its terminal and takes it again."""

from __future__ import annotations

import asyncio
from typing import Any

from textual.driver import Driver


def continuing(driver: type[Driver]) -> type[Driver]:
    """The same driver, which also goes on after a stop that it could not see coming.

    Textual leaves the terminal at Ctrl-Z and takes it at SIGCONT. After a SIGSTOP it would take it a second time:
    the thread that reads keys would be there twice, and the older one would keep the program from ever ending.
    """

    class ContinuingDriver(driver):  # type: ignore[valid-type, misc]
        def _sigcont_application(self, *arguments: Any) -> None:
            own: Any = self
            if own._key_thread is None:  # it has not taken the terminal yet
                return
            if own._must_signal_resume or not own._auto_restart:
                super()._sigcont_application(*arguments)
                return
            # Not in the handler of the signal, which may have come amid a paint or amid taking the terminal.
            asyncio.get_running_loop().call_soon_threadsafe(self._take_again)

        def _take_again(self) -> None:
            own: Any = self
            if own._key_thread is not None:
                own.suspend_application_mode()
                own._must_signal_resume = True
                super()._sigcont_application()

    return ContinuingDriver
