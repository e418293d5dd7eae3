"""Searching from the Viewer: similar images of any list or file, near-duplicates, and the way back."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from textual import on
from textual.binding import Binding, BindingType

from fext_tui.encodings import EncodedPictures, KnownEncoding
from fext_tui.following import JobSnapshot
from fext_tui.screens.viewer_finds import Finds, Found, NotEncoded, Searching
from fext_tui.screens.viewer_lists import FILES
from fext_tui.screens.viewer_stage import ViewerStage
from fext_tui.screens.viewer_tabs import TabsScreen
from fext_tui.similar import GroupList, SimilarPictures
from fext_tui.widgets.row_list import RowList


class SearchScreen(TabsScreen):
    """A screen of lists of pictures with a tab for what was searched for."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("a", "similar", "Similar", id="viewer.similar", tooltip="The images that are most like this one"),
        Binding("backspace", "find_before", "Back", id="viewer.back", key_display="⌫",
                tooltip="Back to what was searched for before"),
        Binding("o", "similar_to_file", "Like a file", id="viewer.file", show=False,
                tooltip="The images that are most like any image file"),
    ]  # fmt: skip

    def __init__(self) -> None:
        super().__init__()
        self.finds = Finds(self)
        self._origin: tuple[str, str | None, bool] = ("training", None, False)  # tab, row and sheet before a search

    @property
    def image(self) -> Path | None:
        """The image file under the cursor; None where the rows are no images, or there are none."""
        pictures, at = self.stage.pictures, self.stage.rows.cursor
        if pictures is None or self.stage.kind not in FILES or at >= pictures.count():
            return None
        return pictures.path(at)

    def show_find(self) -> None:
        """Show what was found last."""
        find = self.finds.current
        if find is None:
            self.show_words(self.finds.words)
        else:
            self.show(find.pictures, find.cursor, sheet=find.sheet)

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

    def action_similar_to_file(self) -> None:
        """Ask for a file, and find what is most like it in the encoding at hand, else the newest."""
        pictures = self.stage.pictures
        self.ask_file(pictures.encoding if isinstance(pictures, EncodedPictures) else None)

    def ask_file(self, known: KnownEncoding | None) -> None:
        """Ask for a file, and find what is most like it in an encoding, by default the newest."""
        from fext_tui.dialogs.open_image import OpenImageDialog

        def search(file: Path | None) -> None:
            if file is not None:
                self.finds.similar(file, known)

        self.app.push_screen(OpenImageDialog(known.name if known else "the newest encoding"), search)

    def find_groups(self, known: KnownEncoding) -> None:
        """Find near-duplicates within an encoding."""
        self.finds.groups(known)
        if self.tab != "similar":
            self._begin_trail()
            self.go_to("similar")

    def _begin_trail(self) -> None:
        """Remember where a search began."""
        self._origin = (self.tab, self.stage.shown_name, self.stage.has_class("-sheet"))
        self.finds.trail.clear()

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

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Keys where there is something for them to do."""
        if action == "similar":
            return not self.query(ViewerStage) or self.stage.kind in FILES
        if action == "find_before":
            return self.tab == "similar" and bool(self.finds.trail)
        return super().check_action(action, parameters)

    def job_moved(self, job: JobSnapshot) -> None:
        """Show what a job was asked to search for, when it is done."""
        super().job_moved(job)
        if not job.is_active:
            self.finds.job_ended(job)
