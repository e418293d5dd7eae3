"""The Viewer: images, reconstructions, plots, and what encodings tell of images, as pixels in the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual import on
from textual.binding import Binding, BindingType

from fext_engine.paths import escape_name
from fext_tui.anomalies import AnomalyPictures
from fext_tui.following import JobSnapshot
from fext_tui.latent_map import MapPictures
from fext_tui.screens.viewer_export import MapExport
from fext_tui.screens.viewer_maps import MapOpened, Maps, MapTakesJob
from fext_tui.screens.viewer_scores import Scores, ScoresOpened
from fext_tui.screens.viewer_search import SearchScreen
from fext_tui.screens.viewer_stage import ViewerStage
from fext_tui.widgets.row_list import RowList

if TYPE_CHECKING:
    from fext_tui.dialogs.encodings import EncodingChoice
    from fext_tui.encodings import EncodedPictures


class ViewerScreen(SearchScreen):
    """Look at images, reconstructions and plots; find similar images, see the map of an encoding and its anomalies.
    Tab keys [ and ] change the kind."""

    MODE = "viewer"
    CSS_PATH = "viewer.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("E", "encodings", "Encodings", id="encodings",
                tooltip="The encodings: search, near-duplicates, map, anomalies"),
        Binding("u", "map_method", "UMAP or PCA", id="viewer.map-method",
                tooltip="The map by UMAP, which a job makes, or by principal components"),
        Binding("comma", "sort", "Sort", id="viewer.sort", key_display=",", tooltip="Choose the score to sort by"),
        Binding("full_stop", "turn", "Turn", id="viewer.turn", key_display=".", show=False, tooltip="Turn the order"),
        Binding("A", "score", "Score again", id="viewer.score", show=False,
                tooltip="Let a job score how unusual the images of this encoding are"),
        Binding("Y", "copy_table", "Copy the table", id="viewer.copy-table", show=False,
                tooltip="Copy the path of scores.csv, which has all scores"),
        Binding("right_square_bracket", "next_tab(1)", "Kind", key_display="]", id="viewer.next-kind",
                tooltip="The next kind of pictures"),
        Binding("left_square_bracket", "next_tab(-1)", "Kind before", key_display="[", show=False,
                id="viewer.previous-kind"),
        Binding("r", "reload", "Reload", id="viewer.reload", show=False, tooltip="List the pictures again"),
    ]  # fmt: skip

    def __init__(self) -> None:
        super().__init__()
        self.maps = Maps(self)
        self.scores = Scores(self)

    def action_reload(self) -> None:
        """Show the current kind again: list its files, or open what comes of encodings."""
        match self.tab:
            case "similar":
                self.show_find()
            case "map":
                self.show_words("Opening the map…")
                self.maps.open()
            case "anomalies":
                self.scores.open()
            case _:
                super().action_reload()

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
            self.ask_file(known)
        elif what == "groups":
            self.find_groups(known)
        elif what == "anomalies":
            self.scores.choose(known)
            self.go_to("anomalies")
        else:
            self.maps.encoding = known
            self.go_to("map")

    @on(MapOpened)
    def _show_map(self, message: MapOpened) -> None:
        self.maps.shown = message.map
        self._show_opened("map", message.map, message.words)

    @on(ScoresOpened)
    def _show_scores(self, message: ScoresOpened) -> None:
        self._show_opened("anomalies", message.pictures, message.words)
        self._mark()

    def _show_opened(self, tab: str, pictures: EncodedPictures | None, words: str) -> None:
        """Show what a worker has opened, with the cursor on the image that was shown before."""
        if tab != self.tab:
            return
        if pictures is None:
            self.show_words(words)
            return
        before = self.stage.shown_name
        keep = tab == "map" or isinstance(self.stage.pictures, AnomalyPictures)  # of other lists the rank tells nothing
        self.show(pictures, pictures.find(before) if before and keep else 0, sheet=False if tab == "map" else None)

    @on(MapTakesJob)
    def _make_map(self, message: MapTakesJob) -> None:
        self.maps.encoding = message.encoding
        if message.method is not None:
            self.maps.make(message.encoding, message.method)
        elif self.tab == "map":
            key = self.app.key("viewer.map-method")
            self.show_words(f"The map of {message.encoding.name} takes a job: {key} starts it.")

    def action_map_method(self) -> None:
        """Show the map by the other method."""
        self.maps.other_method()

    @on(MapExport)
    def _export_map(self) -> None:
        if isinstance(self.stage.pictures, MapPictures):
            self.maps.export(self.stage.pictures, self.stage.map.colouring.name)

    def action_score(self) -> None:
        """Score the images of the encoding again."""
        if isinstance(pictures := self.stage.pictures, AnomalyPictures):
            self.scores.score(pictures.encoding)

    def action_copy_table(self) -> None:
        """Copy the path of the table with all scores."""
        if isinstance(pictures := self.stage.pictures, AnomalyPictures):
            self.app.copy(str(pictures.table))

    def action_sort(self) -> None:
        """Choose the score to sort the anomalies by."""
        from fext_tui.dialogs.choose_column import ChooseColumnDialog

        if isinstance(pictures := self.stage.pictures, AnomalyPictures):
            self.app.push_screen(ChooseColumnDialog("Sort by", pictures.sortable, pictures.order), self._sort)

    def action_turn(self) -> None:
        """Turn the order of the anomalies around."""
        if isinstance(pictures := self.stage.pictures, AnomalyPictures):
            self._sort(pictures.order)

    @on(RowList.HeaderClicked, "#pictures")
    def _header_clicked(self, event: RowList.HeaderClicked) -> None:
        if isinstance(pictures := self.stage.pictures, AnomalyPictures):
            self._sort(("rank", "rank", pictures.value, "path")[event.index])

    def _sort(self, column: str | None) -> None:
        if column is not None and isinstance(pictures := self.stage.pictures, AnomalyPictures):
            ordered = pictures.sorted_by(column)
            before = self.stage.shown_name
            self.show(ordered, ordered.find(before) if before else 0)
            self._mark()

    def _mark(self) -> None:
        """Mark the column that the list is sorted by; only anomalies are."""
        pictures = self.stage.pictures
        if isinstance(pictures, AnomalyPictures):
            self.stage.rows.sort_mark(pictures.sorted_column, descending=pictures.descending)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Keys where there is something for them to do."""
        if action == "map_method":
            return self.tab == "map"
        if action in ("sort", "turn", "score", "copy_table"):
            return bool(self.query(ViewerStage)) and isinstance(self.stage.pictures, AnomalyPictures)
        return super().check_action(action, parameters)

    def job_moved(self, job: JobSnapshot) -> None:
        """Show what a job has made, when it is done."""
        super().job_moved(job)
        if job.is_active:
            return
        if self.maps.job_ended(job) and self.tab == "map":
            self.maps.open()
        if self.scores.job_ended(job) and self.tab == "anomalies":
            self.scores.open()
