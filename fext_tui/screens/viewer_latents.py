"""What the Viewer does with encodings: similar images, near-duplicates, the map and anomalies, from any list."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from textual import on
from textual.binding import Binding, BindingType

from fext_engine.paths import escape_name
from fext_tui.encodings import EncodedPictures, KnownEncoding, known_encodings, no_encodings
from fext_tui.following import JobSnapshot
from fext_tui.latent_map import MapPictures
from fext_tui.screens.viewer_finds import Finds, Found, NotEncoded, Searching
from fext_tui.screens.viewer_lists import FILES
from fext_tui.screens.viewer_maps import MapOpened, Maps, MapTakesJob
from fext_tui.screens.viewer_stage import ViewerStage
from fext_tui.screens.workbench import WorkbenchScreen
from fext_tui.similar import GroupList, SimilarPictures
from fext_tui.widgets.row_list import RowList

if TYPE_CHECKING:
    from fext_tui.dialogs.encodings import EncodingChoice
    from fext_tui.listing import Pictures


class LatentsScreen(WorkbenchScreen):
    """The keys and messages of encodings; a child shows lists by `show`, kinds of them by `go_to`."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("a", "similar", "Similar", id="viewer.similar", tooltip="The images that are most like this one"),
        Binding("backspace", "find_before", "Back", id="viewer.back", key_display="⌫",
                tooltip="Back to what was searched for before"),
        Binding("o", "similar_to_file", "Like a file", id="viewer.file", show=False,
                tooltip="The images that are most like any image file"),
        Binding("E", "encodings", "Encodings", id="encodings",
                tooltip="The encodings: search, near-duplicates, map, anomalies"),
        Binding("u", "map_method", "UMAP or PCA", id="viewer.map-method",
                tooltip="The map by UMAP, which a job makes, or by principal components"),
    ]  # fmt: skip

    def __init__(self) -> None:
        super().__init__()
        self.finds = Finds(self)
        self.maps = Maps(self)
        self._origin: tuple[str, str | None, bool] = ("training", None, False)  # tab, row and sheet before a search

    @property
    def tab(self) -> str:
        """The kind of pictures that is shown."""
        raise NotImplementedError

    @property
    def stage(self) -> ViewerStage:
        """What shows the list and its pictures."""
        raise NotImplementedError

    def go_to(self, tab: str) -> None:
        """Show a kind, also when it is shown already."""
        raise NotImplementedError

    def show(self, pictures: Pictures, index: int, words: str = "", *, sheet: bool | None = None) -> None:
        """Show a list of the current kind."""
        raise NotImplementedError

    def show_words(self, words: str = "") -> None:
        """Show an empty list of the current kind, and why it is empty."""
        raise NotImplementedError

    @property
    def image(self) -> Path | None:
        """The image file under the cursor; None where the rows are no images, or there are none."""
        pictures, at = self.stage.pictures, self.stage.rows.cursor
        if pictures is None or self.stage.kind not in FILES or at >= pictures.count():
            return None
        return pictures.path(at)

    def show_latents(self, tab: str) -> bool:
        """Show a kind that comes of encodings; tell whether it is one."""
        if tab == "similar":
            find = self.finds.current
            if find is None:
                self.show_words(self.finds.words)
            else:
                self.show(find.pictures, find.cursor, sheet=find.sheet)
        elif tab == "map":
            self.show_words("Opening the map…")
            self.maps.open()
        return tab in ("similar", "map")

    def action_similar(self) -> None:
        """Find what is most like the image under the cursor: in the encoding at hand, else the newest that has it."""
        if self.image is None:
            self.notify("There is no image here to compare.")
            return
        pictures = self.stage.pictures
        at_query = isinstance(pictures, SimilarPictures) and self.stage.rows.cursor == 0
        if not at_query:  # that is what is listed already
            known = pictures.encoding if isinstance(pictures, EncodedPictures) else None
            self.finds.similar(self.image, known)

    def action_similar_to_file(self, encoding: KnownEncoding | None = None) -> None:
        """Ask for a file, and find what is most like it."""
        from fext_tui.dialogs.open_image import OpenImageDialog

        pictures = self.stage.pictures
        known = encoding or (pictures.encoding if isinstance(pictures, EncodedPictures) else None)
        known = known or next(iter(known_encodings(self.app.workspace)[0]), None)
        if known is None:
            self.notify(no_encodings(self.app.key))
            return

        def search(file: Path | None) -> None:
            if file is not None:
                self.finds.similar(file, known)

        self.app.push_screen(OpenImageDialog(known.name), search)

    def action_encodings(self) -> None:
        """List the encodings, and do with one what is chosen."""
        from fext_tui.dialogs.encodings import EncodingsDialog

        image = escape_name(self.image.name) if self.image is not None else None
        self.app.push_screen(EncodingsDialog(image), self.use)

    def use(self, choice: EncodingChoice | None) -> None:
        """Do with an encoding what was chosen."""
        if choice is None:
            return
        what, known = choice
        if what == "similar" and self.image is not None:
            self.finds.similar(self.image, known)
        elif what == "file":
            self.action_similar_to_file(known)
        elif what == "groups":
            self.finds.groups(known)
            if self.tab != "similar":
                self._begin_trail()
                self.go_to("similar")
        elif what == "map":
            self.maps.encoding = known
            self.go_to("map")

    @on(Found)
    def _show_found(self, message: Found) -> None:
        """Show what was found, and remember what was shown before."""
        self.finds.words = ""
        if self.tab != "similar":
            self._begin_trail()
        elif (before := self.finds.current) is not None:
            before.sheet = self.stage.has_class("-sheet")
        self.finds.trail.append(message.find)
        self.go_to("similar")

    def _begin_trail(self) -> None:
        """Remember where a search began."""
        self._origin = (self.tab, self.stage.shown_name, self.stage.has_class("-sheet"))
        self.finds.trail.clear()

    @on(Searching)
    def _show_searching(self, message: Searching) -> None:
        """Say how far a long search is, in its own tab."""
        self.finds.words = message.words
        if self.tab == "similar" and not self.finds.trail:
            self.show_words(message.words)

    @on(NotEncoded)
    def _ask_encoder(self, message: NotEncoded) -> None:
        self.finds.ask_encoder(message)

    @on(RowList.Selected, "#pictures")
    def _open_group(self, event: RowList.Selected) -> None:
        if isinstance(self.stage.pictures, GroupList):
            self.finds.open_group(self.stage.pictures, event.index)

    @on(RowList.Highlighted, "#pictures")
    def _remember_cursor(self, event: RowList.Highlighted) -> None:
        find = self.finds.current
        if find is not None and self.stage.pictures is find.pictures:
            find.cursor = event.index

    def action_find_before(self) -> None:
        """Go back to what was searched for before, at last to the list where the search began."""
        if self.finds.trail:
            self.finds.trail.pop()
        if self.finds.trail:
            self.go_to("similar")
            return
        tab, name, sheet = self._origin
        self.stage.shown_name = name
        self.stage.set_class(sheet, "-sheet")
        self.go_to(tab)

    @on(MapOpened)
    def _show_map(self, message: MapOpened) -> None:
        self.maps.shown = message.map
        if self.tab != "map":
            return
        if message.map is None:
            self.show_words(message.words)
        else:
            before = self.stage.shown_name
            self.show(message.map, message.map.find(before) if before else 0, sheet=False)

    @on(MapTakesJob)
    def _make_map(self, message: MapTakesJob) -> None:
        self.maps.encoding = message.encoding
        if message.method is not None:
            self.maps.make(message.encoding, message.method)
        else:
            key = self.app.key("viewer.map-method")
            self.show_words(f"The map of {message.encoding.name} takes a job: {key} starts it.")

    def action_map_method(self) -> None:
        """Show the map by the other method."""
        self.maps.other_method()

    @on(ViewerStage.MapExport)
    def _export_map(self) -> None:
        if isinstance(self.stage.pictures, MapPictures):
            self.maps.export(self.stage.pictures, self.stage.map.colouring.name)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Keys where there is something for them to do."""
        if not self.is_mounted or not self.query(ViewerStage):
            return super().check_action(action, parameters)
        if action == "similar":
            return self.stage.kind in FILES
        if action == "find_before":
            return self.tab == "similar" and bool(self.finds.trail)
        if action == "map_method":
            return self.tab == "map"
        return super().check_action(action, parameters)

    def job_moved(self, job: JobSnapshot) -> None:
        """Show what a job was asked for, when it is done."""
        if not job.is_active:
            self.finds.job_ended(job)
            if self.maps.job_ended(job) and self.tab == "map":
                self.maps.open()
