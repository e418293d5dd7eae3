"""Runs, encodings, databases and presets from a stranger: code in them, ways out of the folder, bombs, escape codes."""

from __future__ import annotations

import hashlib
import json
import os
import pickle
import sqlite3
import struct
import subprocess
import sys
import zipfile
import zlib
from pathlib import Path, PureWindowsPath

import numpy as np
import pytest
import torch
from hostile import encode, picture
from made_encoding import make_encoding
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from tiny_training import make_workspace, small_settings, untrained

from fext_engine.cli import main
from fext_engine.errors import FextError
from fext_engine.evaluation.embeddings import save_points
from fext_engine.images import scan
from fext_engine.images.scan import stays_below
from fext_engine.jobs.folder import create_job
from fext_engine.jobs.run import run_here
from fext_engine.latents.anomaly.results import HEADER
from fext_engine.latents.encoding import open_encoding
from fext_engine.latents.map import MAP, load_map
from fext_engine.latents.projection import load
from fext_engine.latents.recipe import Recipe
from fext_engine.latents.unfinished import new_folder, unfinished_in
from fext_engine.maintenance.database import export_tables
from fext_engine.maintenance.runs import rename_run
from fext_engine.records import open_records
from fext_engine.records.encodings import EncodingRecord, record_encoding
from fext_engine.records.runs import RunRecord, upsert_run
from fext_engine.settings import Settings
from fext_engine.training.cache import _open_stored
from fext_engine.training.reading import ImageSize
from fext_engine.training.run_folder import RunFolder, read_split, write_csv
from fext_engine.workspace import find_workspace

TESTS = Path(__file__).parents[1]
posix = pytest.mark.skipif(os.name == "nt", reason="links and pipes need rights there, or are missing")
ESCAPE = "\x1b]0;owned\a\x1b[31m"


class Malicious:
    """Unpickled, it writes a file."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self):
        return Path.touch, (self.mark,)


@pytest.fixture
def workspace(tmp_path):
    return find_workspace(tmp_path / "ws")


@pytest.mark.parametrize("kind", ["zip", "plain"])
def test_a_pickle_in_the_place_of_weights_is_refused_and_does_nothing(tmp_path, fault_table, kind):
    workspace, mark = make_workspace(tmp_path / "ws", 4), tmp_path / "mark"
    run = untrained(workspace)
    checkpoint = run.pointed("best")
    weights = checkpoint / "weights.safetensors"
    if kind == "plain":
        weights.write_bytes(pickle.dumps(Malicious(mark)))
    else:
        torch.save(Malicious(mark), weights)
    pickle.loads(pickle.dumps(Malicious(mark)))  # that is what it would do
    mark.unlink()
    description = json.loads((checkpoint / "state.json").read_text())
    description["digests"][weights.name] = hashlib.sha256(weights.read_bytes()).hexdigest()
    (checkpoint / "state.json").write_text(json.dumps(description))
    with pytest.raises(FextError, match=r"weights\.safetensors cannot be read"):
        run_here(workspace, "encode", small_settings(), {"run": "r", "input": str(workspace.images)})
    assert not mark.exists()
    fault_table(
        fault="pickle with code as a checkpoint", where="encode",
        saw="weights.safetensors cannot be read; take another checkpoint", lost="nothing: the code did not run",
    )  # fmt: skip


def test_arrays_of_objects_are_refused_and_do_nothing(tmp_path):
    mark = tmp_path / "mark"
    evil = np.array([Malicious(mark)], dtype=object)
    encoding = make_encoding(tmp_path / "e", np.eye(4, dtype=np.float32))
    stored = tmp_path / "pixels"
    stored.mkdir()
    write_csv(stored / "index.csv", ("path", "digest", "status", "reason"), [("a", "0", "ok", "")])
    np.save(stored / "pixels.npy", evil)
    np.savez(encoding.folder / MAP, points=evil, about=evil)
    np.savez(encoding.folder / "pca.npz", mean=evil, components=evil, explained_variance_ratio=evil, images=evil)
    np.save(encoding.folder / "latents.npy", evil)
    assert load_map(encoding) is None
    assert _open_stored(stored, ImageSize(4, 5, False)) is None
    with pytest.raises(ValueError, match="no PCA"):
        load(encoding.folder)
    with pytest.raises(FextError, match=r"latents\.npy does not fit"):
        open_encoding(encoding.folder)
    assert not mark.exists()


OUTSIDE = ["../x.png", "a/../../x.png", "/etc/passwd", r"\x2e\x2e/x.png", r"\x2e./x.png", r"\x2fetc/passwd", "..", ""]
NO_NAMES = [r"a\x00.png", "a\0.png", r"\ud800.png", "\udc00\ud800.png"]


@posix
@pytest.mark.parametrize("path", [*OUTSIDE, *NO_NAMES])
def test_stored_paths_never_lead_out_of_their_folder(tmp_path, fault_table, path):
    assert not stays_below(path)
    workspace = find_workspace(tmp_path / "ws")
    run = untrained(workspace) if path == OUTSIDE[3] else RunFolder(workspace.run("r"))
    run.path.mkdir(exist_ok=True)
    text = path.encode("utf-8", "surrogatepass")
    run.split.write_bytes(b"path,split,digest\na.png,train,0\n\"" + text + b'",validation,1\n')
    with pytest.raises(FextError, match=r"split\.csv"):
        read_split(run)
    encoding = make_encoding(tmp_path / "e", np.eye(4, dtype=np.float32))
    rows = encoding.folder / "rows.csv"
    rows.write_bytes(rows.read_bytes().replace(b"000002.png", b'"' + text + b'"'))
    with pytest.raises(FextError, match=r"rows\.csv is no table of FeXT's"):
        open_encoding(encoding.folder)
    if path == OUTSIDE[3]:
        with pytest.raises(FextError, match=r"split\.csv names .* leads out of the images folder"):
            run_here(workspace, "evaluate", small_settings(), {"run": "r"})
        fault_table(
            fault=r"a way out of the folder, escaped (\x2e\x2e/)", where="split.csv, rows.csv", lost="nothing was read",
            saw="the file, the line and the path that leads out",
        )  # fmt: skip


@pytest.mark.parametrize("name", ["a/b.png", "..a/b..png", "a:b.png", "back\\\\slash.png", r"caf\xe9.jpg", "...", r"a\nb"])
def test_odd_names_below_the_folder_are_names(name):
    assert stays_below(name)


@pytest.mark.parametrize("path", ["C:x.png", r"C:\\x.png", r"\\\\server\\share\\x.png", r"a\\..\\..\\x.png", r"\\x.png"])
def test_drives_and_shares_lead_out_on_windows(monkeypatch, path):
    monkeypatch.setattr(scan, "PurePath", PureWindowsPath)
    assert not stays_below(path)


@posix
def test_an_unfinished_encoding_that_leads_elsewhere_is_not_gone_on_with(workspace, tmp_path):
    recipe = Recipe.of(make_encoding(tmp_path / "e", np.eye(4, dtype=np.float32)).manifest)
    for name in ("..", ".", "a/b", "/abs", "", "\0", "good"):
        folder = new_folder(workspace.inference / "x", recipe)
        state = json.loads((folder / "state.json").read_text()) | {"name": name.replace("\0", r"\x00")}
        (folder / "state.json").write_text(json.dumps(state))
    linked = new_folder(workspace.inference / "linked", recipe)
    (linked / "latents.npy").symlink_to(tmp_path / "precious")
    (workspace.inference / ".away.partial").symlink_to(linked, target_is_directory=True)
    assert [state.name for _, state in unfinished_in(workspace.inference)] == ["good"]


def test_the_records_name_files_elsewhere_that_stay_as_they_are(workspace, tmp_path, fault_table):
    (workspace.checkpoints / "mine").mkdir()
    texts = {"a": '{"run": "theirs", "key": 1}', "b": "[" * 100_000, "c": "[1]", "d": '{"run": 5}'}
    with open_records(workspace.database) as records:
        upsert_run(records, RunRecord("mine", "m", "finished", 1, "/x", ""))
        for name, text in texts.items():
            (tmp_path / name).mkdir()
            (tmp_path / name / "manifest.json").write_text(text)
            record_encoding(records, EncodingRecord(str(tmp_path / name), "mine", "/x", 1, 0, 8, "float32", "none"))
        records.connection.execute('CREATE TABLE "../../../escaped" (x)')
        records.connection.execute('CREATE TABLE "quo""te" (x)')
    rename_run(workspace, "mine", "renamed")
    assert {name: (tmp_path / name / "manifest.json").read_text() for name in texts} == texts
    folder = export_tables(workspace)
    assert {path.name for path in folder.iterdir()} >= {"runs.csv", "images.csv"}
    assert not list(tmp_path.rglob("*escaped*"))
    fault_table(
        fault="tables and encodings that lead elsewhere", where="a stranger's database",
        saw="the export of FeXT's own tables", lost="nothing: no file elsewhere was written",
    )  # fmt: skip


DATABASES = {
    "view": "DROP TABLE epochs; CREATE VIEW epochs AS SELECT 'r' AS run, 1 AS epoch",
    "trigger": "CREATE TRIGGER t AFTER INSERT ON jobs BEGIN DELETE FROM runs; END",
    "column": "ALTER TABLE jobs RENAME COLUMN state TO other",
    "type": "DROP TABLE jobs; CREATE TABLE jobs (id, verb, state, run, started_at, ended_at, message, told)",
    "missing": "DROP TABLE runs",
    "empty": "PRAGMA writable_schema = ON; DELETE FROM sqlite_master; PRAGMA writable_schema = OFF",
    "virtual": "DROP TABLE jobs; CREATE VIRTUAL TABLE jobs USING fts5(id, verb)",
}


@pytest.mark.parametrize("kind", DATABASES)
def test_a_database_that_is_another_is_refused_by_name(workspace, capsys, fault_table, kind):
    open_records(workspace.database).connection.close()
    with sqlite3.connect(workspace.database) as connection:
        connection.executescript(f"PRAGMA foreign_keys = OFF; {DATABASES[kind]}")
    connection.close()
    assert main(["runs", "--resources", str(workspace.root)]) == 1
    said = capsys.readouterr().err
    assert "fext.sqlite is not FeXT's" in said
    assert "move the file away" in said
    assert len(said.splitlines()) == 1
    fault_table(
        fault="a database with other tables, views or triggers", where="every command",
        saw="the database is not FeXT's: its table ... is missing or another", lost="nothing",
    )  # fmt: skip


def test_absurd_numbers_and_texts_in_a_database_are_shown_or_left_out(workspace, capsys):
    with open_records(workspace.database) as records:
        upsert_run(records, RunRecord(f"r{ESCAPE}", f"m{ESCAPE}", "running", 2**63 - 1, "/x", "a." * 100_000 + "a = 1"))
        records.connection.execute("UPDATE runs SET started_at = 1e300, updated_at = -1e300, note = ?", (ESCAPE,))
        for number, summary in enumerate(("[" * 100_000, '{"issues": [], "statuses": 5}', "nonsense")):
            records.connection.execute(
                "INSERT INTO reports (name, root, created_at, images, usable, summary) VALUES (?, '/x', 1e300, ?, 0, ?)",
                (f"report{number}{ESCAPE}", 2**63 - 1, summary),
            )
        records.connection.commit()
    for command in (["runs"], ["reports"], ["runs", "--json"]):
        assert main([*command, "--resources", str(workspace.root)]) == 0, command
        said = capsys.readouterr().out
        assert "owned" in said
        assert "\x1b" not in said
    from fext_tui.runs import image_size, read_runs, run_fields

    for run in read_runs(workspace.database):
        assert image_size(run.configuration) is None
        assert all(isinstance(field.show(run), str) for field in run_fields(None, "n"))


def test_escape_codes_in_a_strangers_files_never_reach_the_terminal(workspace, capsys, fault_table):
    folder = create_job(workspace, "train", Settings(), {"run": f"r{ESCAPE}"})
    (folder / "events.jsonl").write_text(
        json.dumps({"kind": "started", "run": f"r{ESCAPE}", "time": 1e300})
        + "".join(f'\n{{"kind": "log", "message": {json.dumps(text)}}}' for text in (ESCAPE, "two\nlines"))
        + f'\n{{"kind": "progress", "stage": {json.dumps(ESCAPE)}, "done": 1, "total": 2, "unit": {json.dumps(ESCAPE)}}}'
        + '\n{"kind": "progress", "done": "x", "total": []}\n{"kind": "metric", "values": [1]}\n{"kind": "log", "run": 5}'
        + f'\n{{"kind": "failed", "error": {json.dumps(ESCAPE)}, "do": {json.dumps(ESCAPE)}}}\n'
    )
    encoding = make_encoding(workspace.inference / "e", np.eye(4, dtype=np.float32))
    manifest = json.loads((encoding.folder / "manifest.json").read_text())
    broken = {f"x{ESCAPE}": "many"}
    commands = [["jobs"], ["jobs", "follow", "latest"], ["search", "e", "x.png"]]
    for change in ({"run": ESCAPE}, {"counts": manifest["counts"] | {"broken": broken}}, {"dtype": ESCAPE}):
        (encoding.folder / "manifest.json").write_text(json.dumps(manifest | change))
        for command in commands:
            main([*command, "--resources", str(workspace.root)])
            said = capsys.readouterr()
            assert not {"\x1b", "\a"} & {*said.out, *said.err}, command
            assert "please report it" not in said.err
            assert said.out or said.err
    fault_table(
        fault="escape codes in names, events, manifests", where="the command line", lost="nothing",
        saw=r"the codes as text: \x1b[31m",
    )  # fmt: skip


def test_a_dollar_in_a_name_starts_no_formula(tmp_path):
    names = ["$", "$x$", r"$\frac{$", r"\$x$", "$$", r"$\undefined$", "a$b_{$c"]
    points = np.random.default_rng(0).normal(size=(len(names), 2))
    save_points(tmp_path / "a.png", points, "title", ("x", "y"), names)
    assert (tmp_path / "a.png").stat().st_size > 1000


@posix
def test_bombs_do_not_go_off(tmp_path, fault_table):
    """Each is opened within 1.5 GB of memory and a minute for all: what explodes or hangs fails."""
    root = tmp_path / "bombs"
    root.mkdir()
    expected = _lay_bombs(root)
    done = subprocess.run(
        [sys.executable, str(TESTS / "faults" / "open_bombs.py"), str(root)], capture_output=True, text=True,
        timeout=60, check=False, env=os.environ | {"PYTHONPATH": str(TESTS.parent), "FEXT_HOME": "", "A": "x"},
    )  # fmt: skip
    said: dict[str, str] = {}
    for line in done.stdout.splitlines():
        said |= json.loads(line)
    assert said.keys() == expected.keys(), done.stderr[-2000:]
    for name, words in expected.items():
        assert words in said[name], (name, said[name])
    assert done.returncode == 0
    fault_table(
        fault=f"{len(expected)} bombs: nested, endless, compressed, lying about their size", where="every parser",
        saw="the file and what is wrong with it", lost="nothing, within 1.5 GB of memory",
    )  # fmt: skip


def _lay_bombs(root: Path) -> dict[str, str]:
    """Write bombs, and return the words that each must be answered with."""
    deep, name = 100_000, "a." * 30_000
    texts = {
        "toml.dots": (f"{name}a = 1", "has more than 250 dots"),
        "toml.tables": (f"[{name}a]", "has more than 250 dots"),
        "toml.arrays": ("a = " + "[" * deep, "nested too deeply"),
        "toml.inline": ("a = " + "{a = " * 20_000, "nested too deeply"),
        "toml.keys": ("\n".join(f"[training.k{i}]" for i in range(14_000)), "toml.keys: unknown setting"),
        "toml.large": ("#" * (300 << 10), "larger than 262,144 bytes"),
        "toml.number": ("[training]\nepochs = " + "9" * 200_000, "toml.number"),
    }
    for file, (text, _) in texts.items():
        (root / file).write_text(text)
    expected = {file: words for file, (_, words) in texts.items()}

    def folder(name: str, file: str, content: str | bytes, words: str) -> None:
        (root / name).mkdir()
        (root / name / file).write_bytes(content.encode() if isinstance(content, str) else content)
        expected[name] = words

    folder("json.deep", "manifest.json", "[" * deep, "manifest.json is not a manifest")
    folder("json.large", "manifest.json", b"[" * (17 << 20), "manifest.json is too large")
    folder("events.deep", "events.jsonl", ("[" * deep + "\n") * 3, "read: []")
    folder("job.deep", "job.toml", 'verb = "x"\narguments = ' + "[" * deep, "job.toml cannot be read")
    laughs = "A=haha\n" + "".join(f"{chr(b + 1)}=${{{chr(b)}}}${{{chr(b)}}}\n" for b in range(65, 90)) * 2
    folder("env.laughs", ".env", f"{laughs}FEXT_DATASET__IMAGES=${{Z}}${{Z}}\n", "read: ${Z}${Z}")
    folder("run.long", "history.csv", f"{','.join(HEADER)}\n{'9' * (1 << 20)}\n", "cannot read")
    folder("split.long", "split.csv", f"path,split,digest\n{'a' * (1 << 20)},train,0\n", "cannot read")
    (root / "histogram").write_bytes(zlib.compress(bytes(64 << 20), 1))
    expected["histogram"] = "read: 0"

    (root / "pipe").mkdir()
    os.mkfifo(root / "pipe" / "p.toml")
    expected["pipe"] = "no regular file"
    (root / "run.pipe").mkdir()
    os.mkfifo(root / "run.pipe" / "history.csv")
    expected["run.pipe"] = "no regular file"

    header = b"{'descr': '<f4', 'fortran_order': False, 'shape': (1000000000000, 4), }\n"
    npy = b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header
    (root / "npy.lies").write_bytes(npy)
    expected["npy.lies"] = "it is truncated"
    (root / "npy.nested").write_bytes(b"\x93NUMPY\x01\x00" + struct.pack("<H", 9000) + b"(" * 9000)
    expected["npy.nested"] = "ValueError"
    with zipfile.ZipFile(root / "npz.compressed", "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        archive.writestr("points.npy", npy + bytes(16 << 20))
    expected["npz.compressed"] = "it is compressed"
    with zipfile.ZipFile(root / "npz.lies", "w") as archive:
        archive.writestr("points.npy", npy)
    expected["npz.lies"] = "it cannot be read: MemoryError"
    encoding = make_encoding(root / "encoding", np.eye(4, dtype=np.float32))
    manifest = json.loads((encoding.folder / "manifest.json").read_text())
    lie = {"counts": {"files": 10**12, "encoded": 10**12}}
    (encoding.folder / "manifest.json").write_text(json.dumps(manifest | lie))
    (encoding.folder / "latents.npy").write_bytes(npy)
    expected["encoding"] = "latents.npy does not fit its manifest: it is truncated"

    info = PngInfo()
    info.add_text("fext-samples", "[" * 900_000)
    Image.new("RGB", (4, 4)).save(root / "grid", "PNG", pnginfo=info)
    expected["grid"] = "read: None"
    whole, zeros = encode(picture(), "PNG"), zlib.compress(bytes(32 << 20), 1)
    for kind, start in ((b"zTXt", b"a\0\0"), (b"iCCP", b"a\0\0"), (b"iTXt", b"a\0\1\0\0\0")):
        chunk = kind + start + zeros
        framed = struct.pack(">I", len(chunk) - 4) + chunk + struct.pack(">I", zlib.crc32(chunk))
        file = f"png.{kind.decode()}"
        (root / file).write_bytes(whole[:33] + framed + whole[33:])
        expected[file] = "DecodeError: corrupt"
    (root / "tif.chain").write_bytes(_long_tiff(20_000))
    expected["tif.chain"] = "frames=20000"
    return expected


def _long_tiff(pages: int) -> bytes:
    """A TIFF of 8 x 8 pixels whose chain of directories is long."""
    tags = {256: 8, 257: 8, 258: 8, 259: 1, 262: 1, 273: 8, 277: 1, 278: 8, 279: 64}
    size = 2 + 12 * len(tags) + 4
    found = bytearray(b"II*\0" + struct.pack("<I", 8))
    for page in range(1, pages + 1):
        found += struct.pack("<H", len(tags))
        found += b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags.items())
        found += struct.pack("<I", 8 + size * page if page < pages else 0)
    return bytes(found)
