"""What was searched for in the Viewer: neighbours and near-duplicates, one after the other, and the way back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING

from textual.message import Message
from textual.worker import get_current_worker

from fext_engine.errors import FextError
from fext_engine.paths import escape_name, unescape_name
from fext_tui.encodings import EncodedPictures, KnownEncoding, known_encodings, no_encodings
from fext_tui.similar import (
    METRIC,
    TOP,
    Cancelled,
    GroupList,
    SimilarPictures,
    find_groups,
    find_similar,
    read_similar,
)

if TYPE_CHECKING:
    from textual.screen import Screen

    from fext_tui.app import FextApp
    from fext_tui.following import JobSnapshot

_TOLD_SECONDS = 0.25  # between two words about how far a long search is


@dataclass
class Find:
    """Something that was found, and where the cursor was on it."""

    pictures: EncodedPictures
    cursor: int = 0
    sheet: bool = True
    """Whether it was seen as a contact sheet."""


class Found(Message):
    """A worker has found something; `find` is new."""

    def __init__(self, find: Find) -> None:
        super().__init__()
        self.find = find


class Searching(Message):
    """A worker says how far a long search is."""

    def __init__(self, words: str) -> None:
        super().__init__()
        self.words = words


class NotEncoded(Message):
    """An image has no row in the encoding: only the encoder itself can compare it."""

    def __init__(self, file: Path, encoding: KnownEncoding) -> None:
        super().__init__()
        self.file = file
        self.encoding = encoding


class Finds:
    """The trail of a screen's searches. What a search finds comes to the screen as a message."""

    def __init__(self, screen: Screen[None]) -> None:
        self._screen = screen
        self.trail: list[Find] = []
        self.words = ""
        """How far a long search is; empty when there is none."""
        self._asked: dict[str, tuple[Path, KnownEncoding]] = {}  # by the id of the job that looks for it

    @property
    def _app(self) -> FextApp:
        app: FextApp = self._screen.app  # type: ignore[assignment]
        return app

    @property
    def current(self) -> Find | None:
        """What was found last."""
        return self.trail[-1] if self.trail else None

    def similar(self, file: Path, encoding: KnownEncoding | None = None) -> None:
        """Search for what is most like a file: in an encoding, else in the newest that holds the file."""
        self._work(partial(self._find_similar, file, encoding))

    def groups(self, encoding: KnownEncoding) -> None:
        """Search for near-duplicates within an encoding."""
        self.words = f"Comparing all pairs of {encoding.rows:,} images…"
        self._work(partial(self._find_groups, encoding))

    def open_group(self, groups: GroupList, index: int) -> None:
        """Show the images of a group."""
        self._screen.post_message(Found(Find(groups.members[index])))

    def ask_encoder(self, message: NotEncoded) -> None:
        """Let a job search for an image that was not encoded; what it finds is shown when it is done."""
        arguments = {
            "encoding": escape_name(str(message.encoding.folder)), "image": escape_name(str(message.file)),
            "top": TOP, "metric": METRIC,
        }  # fmt: skip
        if job := self._app.start_job("search", arguments):
            self._asked[job] = (message.file, message.encoding)
            name = escape_name(message.file.name)
            words = f"{name} has no row in {message.encoding.name}: the encoder looks at it now."
            self._app.notify(words, title="Searching")

    def job_ended(self, job: JobSnapshot) -> None:
        """Show what a job has found, if it was asked for here."""
        asked = self._asked.pop(job.id, None)
        if asked and job.state == "finished":
            results = Path(unescape_name(str(job.summary.get("results", ""))))
            self._work(partial(self._read, *asked, results))

    def _work(self, work: Callable[[], None]) -> None:
        self._screen.run_worker(work, thread=True, exclusive=True, group="find", exit_on_error=False)

    def _tell(self, problem: str) -> None:
        self._app.notify(problem, title="Nothing was found", severity="warning")

    def _find_similar(self, file: Path, encoding: KnownEncoding | None) -> None:
        worker, message = get_current_worker(), None
        try:
            known = [encoding] if encoding else known_encodings(self._app.workspace)[0]
            for candidate in dict.fromkeys([*(e for e in known if e.may_hold(file)), *known[:1]]):
                if worker.is_cancelled:
                    return
                if found := find_similar(candidate, file):
                    message = Found(Find(found, min(1, found.count() - 1)))
                    break
        except FextError as error:
            self._tell(str(error))
            return
        if worker.is_cancelled:
            return
        if message is None and not known:
            self._tell(no_encodings(self._app.key))
        else:
            self._screen.post_message(message or NotEncoded(file, known[0]))

    def _find_groups(self, encoding: KnownEncoding) -> None:
        worker, told = get_current_worker(), 0.0

        def progress(done: int, total: int) -> None:
            nonlocal told
            if monotonic() - told > _TOLD_SECONDS:
                told = monotonic()
                words = f"Comparing all pairs: {done:,} of {total:,} images…"
                self._screen.post_message(Searching(words))

        problem = f"In {encoding.name} no image is nearly the same as another."
        try:
            found = find_groups(encoding, progress, lambda: worker.is_cancelled)
        except Cancelled:
            return
        except FextError as error:
            found, problem = None, str(error)
        if found is not None and found.count():
            self._screen.post_message(Found(Find(found, sheet=False)))
        else:
            self._tell(problem)
            self._screen.post_message(Searching(problem))

    def _read(self, file: Path, encoding: KnownEncoding, results: Path) -> None:
        try:
            found = read_similar(encoding, file, results)
        except (OSError, ValueError, KeyError) as error:
            self._tell(f"{escape_name(str(results))} cannot be read: {error}")
        else:
            self._screen.post_message(Found(Find(found, min(1, found.count() - 1))))


def neighbour_of(pictures: EncodedPictures, index: int) -> bool:
    """Whether a row is another image than the one that was searched for."""
    return not (isinstance(pictures, SimilarPictures) and index == 0)
