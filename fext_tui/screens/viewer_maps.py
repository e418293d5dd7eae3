"""Which map the Viewer shows, how it is made, and its figure at full size: what takes long is a job."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from textual.message import Message

from fext_engine.errors import FextError
from fext_engine.paths import escape_name
from fext_engine.workspace import free_name, timestamp
from fext_tui.encodings import KnownEncoding, known_encodings, no_encodings
from fext_tui.latent_map import MapPictures, Method, NeedsJob, open_map

if TYPE_CHECKING:
    from textual.screen import Screen

    from fext_tui.app import FextApp
    from fext_tui.following import JobSnapshot

WORDS: dict[Method, str] = {"pca": "the principal components", "umap": "UMAP"}


class MapOpened(Message):
    """A worker has opened a map, or says why there is none."""

    def __init__(self, map: MapPictures | None, words: str = "") -> None:
        super().__init__()
        self.map = map
        self.words = words


class MapTakesJob(Message):
    """A worker has found that a map must be made by a job; `method` is None unless one was asked for."""

    def __init__(self, encoding: KnownEncoding, method: Method | None) -> None:
        super().__init__()
        self.encoding = encoding
        self.method = method


class Maps:
    """The maps of a screen; what is opened comes to it as a message."""

    def __init__(self, screen: Screen[None]) -> None:
        self._screen = screen
        self.encoding: KnownEncoding | None = None
        """Whose map is shown; None is that of the newest encoding."""
        self.shown: MapPictures | None = None
        self._exports: set[str] = set()  # jobs that write a figure

    @property
    def _app(self) -> FextApp:
        app: FextApp = self._screen.app  # type: ignore[assignment]
        return app

    def open(self, encoding: KnownEncoding | None = None, method: Method | None = None) -> None:
        """Open the map of an encoding, by default of the one before; `method` asks for another than is stored."""
        self.encoding = encoding or self.encoding
        self._screen.run_worker(
            partial(self._open, self.encoding, method), thread=True, exclusive=True, group="list", exit_on_error=False
        )  # fmt: skip

    def other_method(self) -> None:
        """Show the principal components instead of UMAP, or UMAP instead of them."""
        shows_components = self.shown is not None and self.shown.method == "pca"
        self.open(method="umap" if shows_components else "pca")

    def make(self, encoding: KnownEncoding, method: Method) -> None:
        """Let a job make a map; it is shown when it is done."""
        if any(job.verb == "map" for job in self._app.active_jobs):
            self._app.notify("A job makes a map already.")
        elif self._app.start_job("map", {"encoding": str(encoding.folder), "method": method}):
            self._app.notify(f"A job finds {WORDS[method]}; then the map is shown.", title="Map")

    def export(self, map: MapPictures, colouring: str) -> None:
        """Let a job draw the map as a figure, into the folder of exports."""
        from fext_tui.exporting import exports_folder, safe_name

        folder = exports_folder(self._app.workspace)
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            problem = f"cannot make {escape_name(str(folder))}: {error.strerror or error}"
            self._app.notify(problem, title="Nothing was exported", severity="error")
            return
        file = free_name(folder / f"{safe_name(map.encoding.name)}_{map.method}_{colouring}_{timestamp()}.png")
        arguments = {
            "encoding": str(map.encoding.folder), "method": map.method, "colour": colouring, "output": str(file),
        }  # fmt: skip
        if job := self._app.start_job("map", arguments):
            self._exports.add(job)

    def job_ended(self, job: JobSnapshot) -> bool:
        """Say where a figure is; tell whether there is another map to show."""
        if job.id in self._exports:
            self._exports.discard(job.id)
            if job.state == "finished":
                self._app.notify(str(job.summary.get("figure", "")), title="Exported")
            return False
        return job.verb == "map" and job.state == "finished"

    def _open(self, encoding: KnownEncoding | None, method: Method | None) -> None:
        post = self._screen.post_message
        workspace = self._app.workspace
        encoding = encoding or next(iter(known_encodings(workspace)[0]), None)
        if encoding is None:
            post(MapOpened(None, no_encodings(self._app.key)))
            return
        try:
            post(MapOpened(open_map(encoding, workspace, method)))
        except NeedsJob:
            post(MapTakesJob(encoding, method))
        except FextError as error:
            post(MapOpened(None, str(error)))
