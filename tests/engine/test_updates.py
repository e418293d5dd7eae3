"""Updates: by git into a clean clone alone, and from release archives, which are checked and swapped in whole."""

from __future__ import annotations

import hashlib
import io
import json
import os
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from fext_engine.errors import FextError
from fext_engine.maintenance.git_update import incoming_changes, update
from fext_engine.maintenance.project_files import LIST, note_files, own_files
from fext_engine.maintenance.release import archive_at, read_release
from fext_engine.maintenance.release_update import ROOM, changes_of, describe, install

PROJECT = Path(__file__).parents[2]


def git(folder, *arguments):
    who = ["-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgsign=false"]
    done = subprocess.run(["git", *who, *arguments], cwd=folder, check=True, capture_output=True, text=True)
    return done.stdout


@pytest.fixture
def clone(tmp_path):
    origin = tmp_path / "origin"
    origin.mkdir()
    git(origin, "init", "-b", "main")
    for name in ("file", "other"):
        (origin / name).write_text("1")
    git(origin, "add", ".")
    git(origin, "commit", "-m", "first")
    git(tmp_path, "clone", "origin", "clone")
    (origin / "file").write_text("2")
    (origin / "new\nfile").write_text("2")
    git(origin, "add", ".")
    git(origin, "commit", "-m", "second \x1b[31m")
    return tmp_path / "clone"


def head(clone):
    return git(clone, "rev-parse", "HEAD").strip()


def test_git_fast_forwards_a_clean_clone(clone):
    assert [title.split(" ", 1)[1] for title in incoming_changes(clone)] == [r"second \x1b[31m"]
    assert r"second \x1b[31m" in update(clone)
    assert (clone / "file").read_text() == "2"
    assert incoming_changes(clone) == []


@pytest.mark.parametrize("staged", [False, True])
def test_git_refuses_local_changes_and_names_them(clone, staged):
    before = head(clone)
    (clone / "other").write_text("mine")  # not even one that the update would touch
    if staged:
        git(clone, "add", "other")
    with pytest.raises(FextError, match="1 files of FeXT have local changes: other; commit them"):
        update(clone)
    assert ((clone / "other").read_text(), (clone / "file").read_text(), head(clone)) == ("mine", "1", before)


def test_git_refuses_commits_of_ones_own_and_untracked_files_in_the_way(clone):
    (clone / "new\nfile").write_text("mine")
    with pytest.raises(FextError, match=r"yours are where new ones would go: new\\nfile; move them away"):
        update(clone)
    assert (clone / "new\nfile").read_text() == "mine"
    (clone / "new\nfile").unlink()
    (clone / "file").write_text("mine")
    git(clone, "commit", "-a", "-m", "mine")
    with pytest.raises(FextError, match="commits that its remote lacks; merge or rebase"):
        update(clone)
    assert (clone / "file").read_text() == "mine"


def test_git_says_what_is_missing(clone, tmp_path, monkeypatch):
    with pytest.raises(FextError, match="no git clone; update it from a release archive"):
        update(tmp_path)
    git(clone, "checkout", "--detach")
    with pytest.raises(FextError, match=r"follows no branch of a remote.*HEAD does not point to a branch"):
        update(clone)
    git(clone, "checkout", "main")
    (tmp_path / "origin").rename(tmp_path / "moved")
    with pytest.raises(FextError, match=r"git fetch failed: fatal: .*origin.* does not"):
        update(clone)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(FextError, match="git is not installed"):
        update(clone)


# Release archives

FILES = {
    "pyproject.toml": '[project]\nname = "fext"\nversion = "0.1.0"\n',
    "run.sh": "#!/bin/sh\necho old\n",
    "fext_engine/__init__.py": "",
    "fext_engine/gone.py": "old",
    "resources/docs/a.md": "old",
}
NEXT = {key: value for key, value in FILES.items() if key != "fext_engine/gone.py"} | {
    "pyproject.toml": '[project]\nname = "fext"\nversion = "0.2.0"\n',
    "run.sh": "#!/bin/sh\necho new\n",
    "fext_engine/new/part.py": "new",
    "resources/docs/a.md": "new",
    "resources/database/metadata/fext.sqlite": "of the release",
    "resources/checkpoints/.gitkeep": "",
}
OWN = {
    "resources/database/metadata/fext.sqlite": "records", "resources/checkpoints/run/w": "weights",
    "resources/configurations/mine.toml": "preset", "notes.txt": "notes", ".venv/bin/python": "python",
}  # fmt: skip


def write(folder, files):
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)


def read(folder):
    paths = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_text() for path in paths}


@pytest.fixture
def project(tmp_path):
    """An unpacked release that was set up, with a person's own files in it."""
    folder = tmp_path / "fext"
    write(folder, FILES | OWN)
    (folder / "run.sh").chmod(0o755)
    note_files(folder)
    return folder


def make_archive(path, files, top="fext-0.2.0/", links=()):
    """A real archive, with its checksum beside it as sha256sum writes it."""
    if path.suffix == ".zip":
        with zipfile.ZipFile(path, "w") as packed:
            for name, text in files.items():
                packed.writestr(top + name, text)
    else:
        with tarfile.open(path, "w:gz") as tar:
            for name, text in files.items():
                member = tarfile.TarInfo(top + name)
                member.size, member.mode = len(text), 0o755 if name == "run.sh" else 0o644
                tar.addfile(member, io.BytesIO(text.encode()))
            for name, target in links:
                member = tarfile.TarInfo(name)
                member.type, member.linkname = tarfile.SYMTYPE, target
                tar.addfile(member)
    return sign(path)


def sign(path):
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    path.with_name(f"{path.name}.sha256").write_text(f"{digest}  {path.name}\n")
    return path


@pytest.mark.parametrize(("name", "top"), [("a.tar.gz", "fext-0.2.0/"), ("a.zip", "fext-0.2.0/"), ("a.tgz", "")])
def test_an_archive_takes_the_place_of_the_installed_files_and_of_nothing_else(project, tmp_path, name, top):
    release = read_release(make_archive(tmp_path / name, NEXT, top))
    changes = changes_of(project, release)
    assert changes.changed == ("pyproject.toml", "resources/docs/a.md", "run.sh")
    assert (changes.added, changes.removed) == (("fext_engine/new/part.py",), ("fext_engine/gone.py",))
    said = "\n".join(describe(changes))
    assert "becomes 0.2.0: 3 files changed, 1 added, 1 removed" in said
    assert "deleted: fext_engine/gone.py" in said
    install(project, release)
    expected = NEXT | OWN
    del expected["resources/checkpoints/.gitkeep"]
    assert {k: v for k, v in read(project).items() if k != LIST} == expected
    assert os.access(project / "run.sh", os.X_OK)
    assert json.loads((project / LIST).read_text())["version"] == "0.2.0"
    again = changes_of(project, release)
    assert (again.added, again.changed, again.removed) == ((), (), ())


def test_an_archive_is_believed_only_by_its_checksum(tmp_path):
    archive = make_archive(tmp_path / "a.tar.gz", NEXT)
    beside = archive.with_name("a.tar.gz.sha256")
    digest = beside.read_text().split()[0]
    beside.write_text(f"{'0' * 64}  b.tar.gz\n{digest.upper()} *a.tar.gz\n")
    assert read_release(archive).version == "0.2.0"
    beside.unlink()
    with pytest.raises(FextError, match=r"there is no a.tar.gz.sha256 beside"):
        read_release(archive)
    assert read_release(archive, f" {digest}\n").version == "0.2.0"
    with pytest.raises(FextError, match="is no SHA-256"):
        read_release(archive, digest[:-1])
    archive.write_bytes(archive.read_bytes() + b"x")
    with pytest.raises(FextError, match=r"not what its checksum says: it has [0-9a-f]{64}; fetch"):
        read_release(archive, digest)
    beside.write_text("<html>not found</html>")
    with pytest.raises(FextError, match="holds no SHA-256"):
        read_release(archive)
    for typed in (tmp_path / "none.zip", "~nobody at all/a.zip", "\0"):
        with pytest.raises(FextError, match="there is no file"):
            archive_at(str(typed))


@pytest.mark.parametrize(
    ("files", "links", "words"),
    [
        ({"../evil": "x"}, (), "leads elsewhere"),
        ({"/etc/evil": "x"}, (), "leads elsewhere"),
        ({"C:\\evil": "x"}, (), "leads elsewhere"),
        ({"a\nb": "x"}, (), "leads elsewhere"),
        ({".git/hooks/post-merge": "x"}, (), "no part of FeXT"),
        ({".VENV/lib": "x"}, (), "no part of FeXT"),
        ({}, [("link", "/etc")], "a link or a device"),
        ({"run.sh/": ""}, (), "twice"),
        ({"pyproject.toml": '[project]\nname = "other"\nversion = "1"\n'}, (), "no release of FeXT"),
        ({"pyproject.toml": "["}, (), "no release of FeXT"),
    ],
)
def test_an_archive_with_what_no_release_has_is_refused(tmp_path, files, links, words):
    inside = {k: v for k, v in NEXT.items() if k not in files} | {"run.sh": "x"} | files
    archive = make_archive(tmp_path / "a.tar.gz", inside, "", links)
    with pytest.raises(FextError, match=words):
        read_release(archive)


def test_a_file_that_is_no_archive_or_a_cut_one_is_refused_in_words(tmp_path, monkeypatch):
    whole = make_archive(tmp_path / "a.tar.gz", NEXT).read_bytes()
    for name, data in (("b.tar.gz", whole[:-30]), ("c.zip", whole), ("d.tgz", b"text"), ("e.zip", b"PK")):
        (tmp_path / name).write_bytes(data)
        with pytest.raises(FextError, match="cannot be read"):
            read_release(sign(tmp_path / name))
    (tmp_path / "f.rar").write_bytes(whole)
    with pytest.raises(FextError, match=r"no archive; give a file .tar.gz"):
        read_release(sign(tmp_path / "f.rar"))
    monkeypatch.setattr("fext_engine.maintenance.release.MOST_BYTES", 50)
    for name in ("a.tar.gz", "g.zip"):
        with pytest.raises(FextError, match="more than"):
            read_release(make_archive(tmp_path / name, NEXT))


def test_files_that_were_changed_here_are_named_and_kept(project, tmp_path):
    release = read_release(make_archive(tmp_path / "a.zip", NEXT))
    (project / "fext_engine" / "__init__.py").write_text("mine")
    (project / "run.sh").unlink()
    before = read(project)
    with pytest.raises(FextError, match=r"fext_engine/__init__.py, run.sh were changed here; keep a copy"):
        install(project, release)
    assert read(project) == before
    write(project, FILES)
    write(project, {"fext_engine/new/part.py": "mine"})
    with pytest.raises(FextError, match=r"part.py are yours"):
        install(project, release)
    write(project, {"fext_engine/new/part.py": "new"})  # the same: of an update that was undone
    install(project, release)


def test_without_a_list_of_its_files_or_in_a_clone_nothing_is_updated(project, tmp_path):
    release = read_release(make_archive(tmp_path / "a.zip", NEXT))
    (project / LIST).write_text("[")
    with pytest.raises(FextError, match=r"cannot be told: there is no .release.json; unpack the new release"):
        install(project, release)
    (project / ".git").mkdir()
    with pytest.raises(FextError, match="is a git clone"):
        install(project, release)
    assert (project / "run.sh").read_text() == FILES["run.sh"]


def test_an_update_that_fails_halfway_leaves_all_as_it_was(project, tmp_path, monkeypatch):
    release = read_release(make_archive(tmp_path / "a.zip", NEXT))
    before, replace, moved = read(project), Path.replace, []

    def full(self, target):
        if ROOM in self.parts and "new" in self.parts:
            moved.append(self.name)
            if len(moved) == 3:
                raise OSError(28, "No space left on device", str(target))
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(FextError, match=r"cannot update: .*No space left"):
        install(project, release)
    assert len(moved) == 3
    assert read(project) == before
    monkeypatch.undo()
    install(project, release)


KILLED = """
import os, sys
from pathlib import Path
from fext_engine.maintenance.release import archive_at, read_release
from fext_engine.maintenance.release_update import install
replace, moved = Path.replace, []
def die(self, target):
    done = replace(self, target)
    moved.append(1)
    if len(moved) == 3:
        os._exit(9)
    return done
release = read_release(Path(sys.argv[2]))
Path.replace = die
install(Path(sys.argv[1]), release)
"""


@pytest.mark.skipif(os.name == "nt", reason="run.bat is for Windows")
def test_the_next_start_undoes_an_update_whose_process_was_killed(project, tmp_path):
    archive = make_archive(tmp_path / "a.zip", NEXT)
    before = read(project)
    killed = subprocess.run([sys.executable, "-c", KILLED, project, archive], cwd=PROJECT, check=False)
    assert killed.returncode == 9
    assert read(project)["pyproject.toml"] == NEXT["pyproject.toml"]
    with pytest.raises(FextError, match=r"was cut off; wait, or start run.sh anew"):
        install(project, read_release(archive))
    (project / "run.sh").write_bytes((PROJECT / "run.sh").read_bytes())
    (project / "run.sh").chmod(0o755)
    done = subprocess.run([project / "run.sh"], capture_output=True, text=True, check=False)
    assert "the version before it comes back" in done.stderr
    assert done.stdout == "old\n"  # the script of before, started anew
    after = read(project)
    assert after.pop("fext_engine/new/part.py", "") in ("", "new")
    assert after == before


def test_the_list_of_own_files_has_all_that_git_has(tmp_path):
    if not (PROJECT / ".git").exists():
        pytest.skip("not a clone")
    tracked = {path for path in git(PROJECT, "ls-files").splitlines() if not path.endswith(".gitkeep")}
    assert tracked <= set(own_files(PROJECT))
