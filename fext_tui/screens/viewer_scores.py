"""Which anomalies the Viewer shows, in which order, and the job that scores an encoding."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from textual.message import Message

from fext_engine.errors import FextError
from fext_tui.anomalies import AnomalyPictures, has_results, open_anomalies
from fext_tui.encodings import KnownEncoding, known_encodings

if TYPE_CHECKING:
    from textual.screen import Screen

    from fext_tui.app import FextApp
    from fext_tui.following import JobSnapshot

MOST_HEAT_MAPS = 20_000
"""Images whose heat maps are kept: 32 KB each at 128 x 128 pixels."""


class ScoresOpened(Message):
    """A worker has read the anomalies of an encoding, or says why not; neither where nothing was scored."""

    def __init__(self, pictures: AnomalyPictures | None, words: str = "") -> None:
        super().__init__()
        self.pictures = pictures
        self.words = words


class Scores:
    """The anomalies of a screen; what is opened comes to it as a message."""

    def __init__(self, screen: Screen[None]) -> None:
        self._screen = screen
        self.encoding: KnownEncoding | None = None
        """Whose anomalies are shown; None is the newest encoding that has some."""
        self._jobs: dict[str, KnownEncoding] = {}

    @property
    def _app(self) -> FextApp:
        app: FextApp = self._screen.app  # type: ignore[assignment]
        return app

    def open(self) -> None:
        """Read the anomalies that are to be shown."""
        self._screen.run_worker(
            partial(self._open, self.encoding), thread=True, exclusive=True, group="list", exit_on_error=False
        )  # fmt: skip

    def choose(self, encoding: KnownEncoding) -> None:
        """Show the anomalies of an encoding; where there are none yet, let a job score its images."""
        self.encoding = encoding
        if not has_results(encoding):
            self.score(encoding)

    def score(self, encoding: KnownEncoding) -> None:
        """Let a job score the images of an encoding; its anomalies are shown when it is done."""
        if any(job.verb == "anomalies" for job in self._app.active_jobs):
            self._app.notify("A job looks for anomalies already.")
            return
        arguments = {"encoding": str(encoding.folder), "heat_maps": encoding.rows <= MOST_HEAT_MAPS}
        if job := self._app.start_job("anomalies", arguments):
            self._jobs[job] = encoding
            self._app.notify(f"A job scores the images of {encoding.name}; then they are ranked.", title="Anomalies")

    def job_ended(self, job: JobSnapshot) -> bool:
        """Tell whether there are other anomalies to show."""
        encoding = self._jobs.pop(job.id, None)
        if encoding is not None and job.state == "finished":
            self.encoding = encoding
        return job.verb == "anomalies"

    def _open(self, encoding: KnownEncoding | None) -> None:
        workspace = self._app.workspace
        known = encoding or next(filter(has_results, known_encodings(workspace)[0]), None)
        busy = any(job.verb == "anomalies" for job in self._app.active_jobs)
        if known is None or not has_results(known):
            self._screen.post_message(ScoresOpened(None, "The images are being scored…" if busy else ""))
            return
        try:
            found = open_anomalies(known)
        except FextError as error:
            self._screen.post_message(ScoresOpened(None, str(error)))
            return
        if not found.is_current:
            key = self._app.key("viewer.score")
            words = f"{known.name} has changed since its images were scored: {key} does it again."
            self._app.notify(words, title="Outdated", severity="warning")
        self._screen.post_message(ScoresOpened(found))
