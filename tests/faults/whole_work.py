"""Training, encoding and analysis of a tiny folder: what an undisturbed job leaves, and what a struck one must come to.

The model is a tiny one under the name of a real one: it is what is kept of the work that counts here.
"""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest.mock import patch

from safetensors.torch import load_file
from struck_job import Counters, StruckJob, counted
from tiny_training import make_images, plant_broken_files, small_settings

from fext_engine.jobs.folder import create_job
from fext_engine.jobs.run import run_job
from fext_engine.latents.encoding import open_encoding
from fext_engine.model import autoencoder
from fext_engine.records import open_records
from fext_engine.records.encodings import list_encodings
from fext_engine.records.reports import iterate_image_rows, list_reports, report_statistics
from fext_engine.records.runs import epochs_of, list_runs
from fext_engine.settings import Settings
from fext_engine.training.checkpoints import load_state, load_weights, model_for, read_position
from fext_engine.training.history import read_history
from fext_engine.training.run_folder import RunFolder, read_split
from fext_engine.workspace import Workspace

EPOCHS = 3
FILES, USABLE = 22, 18
TINY = autoencoder.Architecture(((4, 2), (8, 2)), 8)


@dataclass
class Work:
    """One verb on a folder of images. The subclasses know what it leaves."""

    images: Path
    template: Path
    """The workspace that a job of this verb begins in; a round works in a copy."""
    verb: str = ""
    lost: str = ""
    """What a job that is killed loses at most."""
    counts: Counters = field(default_factory=Counters)
    """Of an undisturbed job."""
    whole: Any = None
    """What an undisturbed job left."""

    @property
    def settings(self) -> Settings:
        return small_settings(
            dataset__images=str(self.images), training__epochs=EPOCHS, training__optimizer="adamw",
            inference__batch_size=4, device__num_workers=0,
        )  # fmt: skip

    @property
    def arguments(self) -> dict[str, Any]:
        return {}

    def measure(self, place: Path) -> None:
        """Do the work undisturbed, in this process, where it also loads what every fork will need."""
        workspace = self.workspace(place)
        folder = create_job(workspace, self.verb, self.settings, self.arguments)
        with counted(self.counts):
            run_job(workspace, folder)
        self.whole = self.left(workspace)

    def workspace(self, place: Path) -> Workspace:
        """A copy of the template."""
        shutil.copytree(self.template, place)
        return Workspace(place)

    def finish(self, workspace: Workspace) -> None:
        """Do what a person does after a fault: give the same command again."""
        self.again(workspace, self.verb, self.arguments)

    def check(self, workspace: Workspace) -> None:
        """Whatever is there under its name is whole."""
        with closing(sqlite3.connect(workspace.database)) as connection:
            assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
            assert connection.execute("PRAGMA foreign_key_check").fetchall() == []

    def kept(self, workspace: Workspace) -> int:
        """How much of the work is kept, in the units of its progress."""
        raise NotImplementedError

    def left(self, workspace: Workspace) -> Any:
        """All that the work came to, without times and names made of them."""
        raise NotImplementedError

    def again(self, workspace: Workspace, verb: str, arguments: dict[str, Any]) -> None:
        """Run a job to its end, which must be a good one."""
        job = StruckJob(workspace, verb, self.settings, arguments)
        assert job.wait() == 0, (job.folder / "events.jsonl").read_text()


@dataclass
class Train(Work):
    verb: str = "train"
    lost: str = "at most the epoch in flight, trained again to the same figures"

    @property
    def arguments(self) -> dict[str, Any]:
        return {"name": "r"}

    def finish(self, workspace: Workspace) -> None:
        """Resume for the epochs that are left; without a checkpoint the training is begun anew."""
        run = RunFolder(workspace.run("r"))
        last = run.pointed("last")
        if last is None:
            self.again(workspace, "train", {"name": "again"})
        elif left := EPOCHS - read_position(last).epoch:
            self.again(workspace, "resume", {"run": "r", "epochs": left})

    def check(self, workspace: Workspace) -> None:
        super().check(workspace)
        with open_records(workspace.database) as records:
            assert "running" not in {run.state for run in list_runs(records)}
        for run in runs(workspace):
            epochs = [record.epoch for record in read_history(run.history)]
            assert epochs == list(range(1, len(epochs) + 1))
            assert run.settings().training.epochs == EPOCHS and len(read_split(run)) == USABLE
            for checkpoint in run.checkpoints():
                load_state(checkpoint)
                load_weights(checkpoint, model_for(run.settings()))
            for pointer in ("last", "best"):
                run.pointed(pointer)

    def kept(self, workspace: Workspace) -> int:
        """Steps."""
        last = RunFolder(workspace.run("r")).pointed("last")
        return read_position(last).step if last else 0

    def left(self, workspace: Workspace) -> Any:
        return self.trained(workspace, max(runs(workspace), key=lambda run: len(read_history(run.history))))

    def trained(self, workspace: Workspace, run: RunFolder) -> dict[str, Any]:
        """All that one run came to."""
        last = run.pointed("last")
        history = read_history(run.history)
        with open_records(workspace.database) as records:
            assert epochs_of(records, run.name) == [{"epoch": r.epoch, **r.values()} for r in history]
            summary = next(r for r in list_runs(records) if r.name == run.name)
        return {
            "history": [r.values() | {"epoch": r.epoch, "images_per_second": 0, "seconds": 0} for r in history],
            "recorded": (summary.epochs_done, summary.epochs_planned),
            "best": run.pointed("best").name,
            **{
                file: {name: t.numpy().tobytes() for name, t in sorted(load_file(last / file).items())}
                for file in ("weights.safetensors", "state.safetensors")
            },
        }


@dataclass
class Encode(Work):
    verb: str = "encode"
    lost: str = "at most the batch in flight and what was not synced yet (10 s), encoded again to the same bytes"

    @property
    def arguments(self) -> dict[str, Any]:
        return {"run": "r", "input": str(self.images)}

    def check(self, workspace: Workspace) -> None:
        super().check(workspace)
        for folder in _shown(workspace.inference):
            assert open_encoding(folder).manifest.counts.files == FILES

    def kept(self, workspace: Workspace) -> int:
        """Files."""
        for folder in workspace.inference.iterdir():
            table = folder / ("rows.csv" if (folder / "manifest.json").exists() else "journal.csv")
            if table.exists():
                return table.read_bytes().count(b"\n") - (table.name == "rows.csv")
        return 0

    def left(self, workspace: Workspace) -> Any:
        (folder,) = workspace.inference.iterdir()  # and nothing hidden
        with open_records(workspace.database) as records:
            assert [e.path for e in list_encodings(records)] in ([str(folder)], [])
        manifest = open_encoding(folder).manifest.model_copy(update={"created": ""})
        return manifest, {path.name: path.read_bytes() for path in folder.iterdir() if path.name != "manifest.json"}


@dataclass
class Analyze(Work):
    verb: str = "analyze"
    lost: str = "at most the last half second of measuring, measured again to the same figures"

    def check(self, workspace: Workspace) -> None:
        super().check(workspace)
        folders = _shown(workspace.validation)
        for folder in folders:
            assert {"report.html", "summary.json", "images.csv"} <= {path.name for path in folder.iterdir()}
        with open_records(workspace.database) as records:
            assert {report["name"] for report in list_reports(records)} <= {folder.name for folder in folders}

    def kept(self, workspace: Workspace) -> int:
        """Images measured."""
        with open_records(workspace.database) as records:
            return int(records.connection.execute("SELECT count(*) FROM images WHERE status != 'pending'").fetchone()[0])

    def left(self, workspace: Workspace) -> Any:
        with open_records(workspace.database) as records:
            report = list_reports(records)[0]
            images = [dict(row) for row in iterate_image_rows(records, 1)]
            statistics = [{**row, "report_id": 0} for row in map(dict, report_statistics(records, report["id"]))]
        assert len(images) == report["images"] == FILES
        return images, statistics


@contextmanager
def all_work(place: Path) -> Iterator[tuple[Work, ...]]:
    """The three verbs, each done once undisturbed, in the folder `place`."""
    images = make_images(place / "images", 17)
    plant_broken_files(images)
    empty, trained = place / "empty", place / "trained"
    Workspace(empty).create()
    with patch.dict(autoencoder.ARCHITECTURES, {"FextAE Redux": TINY}):
        train = Train(images, empty)
        train.measure(trained)
        works = (train, Encode(images, trained), Analyze(images, empty))
        for work in works[1:]:
            work.measure(place / work.verb)
        yield works


def runs(workspace: Workspace) -> list[RunFolder]:
    """The runs that are there, by name."""
    return [RunFolder(folder) for folder in sorted(_shown(workspace.checkpoints))]


def _shown(folder: Path) -> list[Path]:
    return [path for path in folder.iterdir() if not path.name.startswith(".")]
