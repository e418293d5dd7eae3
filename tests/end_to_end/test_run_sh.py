"""run.sh as a user meets it: first start, second start, damage, and the ways a set-up can fail."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.skipif(os.name == "nt", reason="run.bat is for Windows")

# Stands in for `python -m venv` and pip in the fast tests: the interpreter is real, what it installs is not.
FAKE_PYTHON = f"""#!/bin/sh
real='{sys.executable}'
echo "$*" >>"$CALLS"
case "$*" in
    *"-m venv "*)
        for venv; do :; done
        mkdir -p "$venv/bin" && cp "$0" "$venv/bin/python" ;;
    *"-m pip "*install*-e*)
        [ -z "${{FAIL:-}}" ] || {{ echo "no such index"; exit 1; }}
        printf '#!/bin/sh\\necho "fext in $PWD with [$*] and ${{FEXT_RESOURCES:-none}}"\\n' >"${{0%/*}}/fext"
        chmod +x "${{0%/*}}/fext" ;;
    *"-m pip "*"+cpu"*) echo "No matching distribution"; exit 1 ;;
    *"-m pip "*) sleep "${{SLOW:-0}}" ;;
    *"-m pytest"*) echo "pytest in $PWD: $*" ;;
    *'version("torch")'*) echo 2.13.0 ;;
    *"import cv2"*) [ -z "${{BROKEN:-}}" ] || exit 1; echo "  everything loads" ;;
    *project_files*) : ;;
    *maintenance.console*) [ -z "${{BROKEN:-}}" ] || exit 1 ;;
    *"-m fext_engine.maintenance"*) echo "the console" ;;
    *base_executable*) echo "$0"; exec "$real" "$@" >/dev/null ;;
    *) exec "$real" "$@" ;;
esac
"""


class Project:
    """A copy of what run.sh needs, in a folder with awkward letters, and a PATH with little on it."""

    def __init__(self, tmp_path: Path) -> None:
        self.folder = tmp_path / "my projects (é) [1]" / "fext"
        self.folder.mkdir(parents=True)
        for name in ("run.sh", "pyproject.toml"):
            shutil.copy(PROJECT / name, self.folder)
        (self.folder / "resources").mkdir()
        self.calls = tmp_path / "calls"
        self.typed = ""
        self.programs = tmp_path / "programs"
        self.programs.mkdir()
        for name in ("sh", "cat", "mkdir", "mv", "rm", "cp", "ls", "df", "awk", "tr", "uname", "sleep", "readlink",
                     "chmod", "tail", "du", "cut"):  # fmt: skip
            found = shutil.which(name)
            assert found, name
            (self.programs / name).symlink_to(found)
        self.elsewhere = tmp_path / "elsewhere"
        self.elsewhere.mkdir()

    def add_program(self, name: str, script: str) -> None:
        (self.programs / name).write_text(script)
        (self.programs / name).chmod(0o755)

    def environment(self, **more: str) -> dict[str, str]:
        return {"PATH": str(self.programs), "HOME": str(self.elsewhere), "CALLS": str(self.calls), **more}

    def run(self, *arguments: str, cwd: Path | None = None, **more: str) -> subprocess.CompletedProcess[str]:
        self.calls.write_text("")
        return subprocess.run(
            [self.folder / "run.sh", *arguments],
            cwd=cwd or self.elsewhere, env=self.environment(**more), text=True, capture_output=True, timeout=60,
            check=False, input=self.typed,
        )  # fmt: skip

    @property
    def installs(self) -> list[str]:
        return [line for line in self.calls.read_text().splitlines() if "pip" in line and " install " in line]


@pytest.fixture
def project(tmp_path):
    made = Project(tmp_path)
    made.add_program("python3", FAKE_PYTHON)
    return made


def test_first_start_installs_and_second_start_only_starts(project):
    first = project.run("runs", "a b", "*")
    assert first.returncode == 0, first.stderr
    assert first.stdout == f"fext in {project.elsewhere} with [runs a b *] and {project.folder}/resources\n"
    assert [line for line in first.stderr.splitlines() if line.startswith("Step")] == [
        "Step 1 of 4, making the Python environment",
        "Step 2 of 4, installing PyTorch",
        "Step 3 of 4, installing FeXT and its libraries",
        "Step 4 of 4, checking that everything loads",
    ]
    assert "to download" in first.stderr
    assert f"-c {project.folder}/.venv/setup/constraints.txt -e ." in project.installs[-1]
    constraints = (project.folder / ".venv/setup/constraints.txt").read_text().splitlines()
    assert constraints[0] == "torch==2.13.0"

    second = project.run("runs")
    assert (second.returncode, second.stderr) == (0, "")
    assert second.stdout == f"fext in {project.elsewhere} with [runs] and {project.folder}/resources\n"
    assert len(project.calls.read_text().splitlines()) == 1  # the interpreter was asked for its version alone


def test_cpu_build_is_tried_first_without_a_gpu_and_not_with_one(project):
    project.run("setup")
    assert any("--dry-run" in line and "torch==2.13.0+cpu" in line for line in project.installs) == (
        sys.platform == "linux" and not Path("/proc/driver/nvidia/gpus").is_dir()
    )
    shutil.rmtree(project.folder / ".venv")
    project.add_program("nvidia-smi", "#!/bin/sh\necho 'GPU 0: Fast'\n")
    done = project.run("setup")
    assert done.returncode == 0, done.stderr
    assert "NVIDIA" in done.stderr
    assert not any("+cpu" in line for line in project.installs)


def test_resources_of_the_users_folder_and_of_the_environment_come_first(project):
    project.run("setup")
    (project.elsewhere / "resources").mkdir()
    assert "and none" in project.run("runs").stdout
    assert "and /somewhere" in project.run("runs", FEXT_RESOURCES="/somewhere").stdout


def test_started_through_a_link(project):
    link = project.elsewhere / "fext"
    link.symlink_to(project.folder / "run.sh")
    done = subprocess.run([link, "runs"], env=project.environment(), text=True, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    assert (project.folder / ".venv" / "bin" / "fext").exists()


def test_pytest_gets_its_arguments_and_what_the_tests_need_is_installed_once(project):
    project.run("setup")
    done = project.run("test", "-k", "one or two")
    assert "-e .[test]" in project.installs[-1]
    assert done.stdout == f"pytest in {project.folder}: -m pytest -k one or two\n"
    project.run("test")
    assert project.installs == []
    project.run("setup", "tensorboard")
    assert "-e .[test,tensorboard]" in project.installs[-1]


@pytest.mark.parametrize("damage", ["moved", "dangling", "unfinished", "dependencies", "program", "no stamp"])
def test_damage_is_repaired_by_the_next_start(project, damage):
    project.run("setup")
    venv = project.folder / ".venv"
    (venv / "lib").mkdir()
    (venv / "lib" / "kept").touch()
    if damage == "moved":
        project.folder = project.folder.rename(project.folder.with_name("moved here"))
    elif damage == "dangling":
        (venv / "bin" / "python").unlink()
        (venv / "bin" / "python").symlink_to("/nowhere/python3.11")
    elif damage == "unfinished":
        (venv / "setup" / "unfinished").touch()
    elif damage == "dependencies":
        with (project.folder / "pyproject.toml").open("a") as file:
            file.write("# changed\n")
    elif damage == "program":
        (venv / "bin" / "fext").unlink()
    else:
        (venv / "setup" / "stamp").unlink()
    done = project.run("runs")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("fext in")
    anew = damage in ("dangling", "unfinished")
    assert (project.folder / ".venv" / "lib" / "kept").exists() != anew
    assert project.run("runs").stderr == ""


def test_setup_makes_an_environment_anew_that_does_not_load(project):
    project.run("setup")
    assert "already" in project.run("setup").stderr
    (project.folder / ".venv" / "lib").mkdir()
    done = project.run("setup", BROKEN="yes")
    assert done.returncode == 1
    assert "installed anew" in done.stderr
    assert "Step 4 of 4, checking that everything loads, failed." in done.stderr
    assert not (project.folder / ".venv" / "lib").exists()


def test_torch_of_the_users_choice_is_kept_until_told_otherwise(project):
    project.run("setup", FEXT_TORCH="torch==2.12.1+cu126")
    assert project.installs[0].endswith("install torch==2.12.1+cu126")
    assert project.run("runs").stderr == ""
    project.run("runs", FEXT_TORCH="2.11.0+cpu")
    assert project.installs[0].endswith("install torch==2.11.0+cpu")
    project.run("runs", FEXT_TORCH="auto")
    assert project.installs[-2].endswith("install torch==2.13.0")


def test_failed_step_is_named_with_the_way_on_and_done_again(project):
    failed = project.run("runs", FAIL="yes")
    assert failed.returncode == 1
    assert "Step 3 of 4, installing FeXT and its libraries, failed." in failed.stderr
    assert "run ./run.sh setup again" in failed.stderr
    assert f"{project.folder}/.venv/setup.log" in failed.stderr
    assert failed.stdout == ""
    assert project.run("runs").returncode == 0


def test_without_python_it_says_what_to_install(project):
    (project.programs / "python3").unlink()
    done = project.run()
    assert done.returncode == 1
    assert "No working 64-bit Python 3.11, 3.12 or 3.13 was found" in done.stderr


def test_python_that_exists_but_does_not_run_is_passed_over(project):
    (project.programs / "python3").rename(project.programs / "python3.12")
    project.add_program("python3", "#!/bin/sh\necho 'pyenv: command not found' >&2\nexit 127\n")
    project.add_program("python3.13", "#!/bin/sh\nexit 1\n")
    done = project.run("runs")
    assert done.returncode == 0, done.stderr


def test_python_named_by_the_user_must_work(project):
    done = project.run("setup", FEXT_PYTHON="/nowhere/python")
    assert done.returncode == 1
    assert "FEXT_PYTHON=/nowhere/python is not a working" in done.stderr
    assert project.run("setup", FEXT_PYTHON=str(project.programs / "python3")).returncode == 0


def test_uv_that_cannot_do_it_gives_way_to_pip(project):
    project.add_program(
        "uv",
        '#!/bin/sh\necho "uv $*" >>"$CALLS"\n'
        'case "$1" in venv) exec python3 -m venv "$5" ;; esac\n'
        'echo "error: unexpected argument --torch-backend" >&2; exit 2\n',
    )
    done = project.run("runs")
    assert done.returncode == 0, done.stderr
    assert "uv could not install PyTorch" in done.stderr
    assert "--torch-backend=auto" in project.installs[0]
    assert any("-m pip" in line for line in project.installs)


def test_two_at_once_install_once(project):
    project.calls.write_text("")
    both = [
        subprocess.Popen(
            [project.folder / "run.sh", "runs"],
            cwd=project.elsewhere, env=project.environment(SLOW="0.5"), stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True,
        )
        for _ in range(2)
    ]  # fmt: skip
    outputs = [process.communicate(timeout=60) for process in both]
    assert [process.returncode for process in both] == [0, 0], outputs
    assert sum("-e ." in line for line in project.installs) == 1
    assert any("Another set-up" in error for _, error in outputs)


def test_lock_of_a_dead_process_is_taken_over(project):
    state = project.folder / ".venv" / "setup"
    state.mkdir(parents=True)
    dead = subprocess.Popen(["true"])
    dead.wait()
    (state / "lock").write_text(f"{os.uname().nodename} {dead.pid}\n")
    assert project.run("runs").returncode == 0
    assert not (state / "lock").exists()


def test_interrupted_set_up_is_done_again(project):
    project.calls.write_text("")
    process = subprocess.Popen(
        [project.folder / "run.sh", "setup"], env=project.environment(SLOW="3"), stderr=subprocess.PIPE, text=True,
        start_new_session=True,
    )  # fmt: skip
    deadline = time.monotonic() + 30
    while " install torch" not in project.calls.read_text() and time.monotonic() < deadline:
        time.sleep(0.05)
    os.killpg(process.pid, 2)
    _, error = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "the next start does it again" in error
    assert not (project.folder / ".venv" / "setup" / "lock").exists()
    assert project.run("runs").returncode == 0


@pytest.mark.parametrize("damage", ["missing", "dangling", "console"])
def test_maintenance_uninstalls_what_is_damaged_and_downloads_nothing_unasked(project, damage):
    venv = project.folder / ".venv"
    broken = {"BROKEN": "yes"} if damage == "console" else {}
    project.run("setup")
    assert project.run("maintenance").stdout == "the console\n"
    if damage == "missing":
        shutil.rmtree(venv)
    elif damage == "dangling":
        (venv / "bin" / "python").unlink()
        (venv / "bin" / "python").symlink_to("/nowhere/python3.11")
    left = project.run("maintenance", **broken)  # nobody answers
    assert (left.returncode, left.stdout, project.installs) == (0, "", [])
    assert "Set it up" in left.stderr
    if damage == "missing":
        project.typed = "1\n"
        assert project.run("maintenance").stdout == "the console\n"
        return
    project.typed = "2\nn\n"
    assert "Nothing was done" in project.run("maintenance", **broken).stderr
    assert venv.exists()
    project.typed = "2\ny\n"
    done = project.run("maintenance", **broken)
    assert "Gone." in done.stderr
    assert not venv.exists()
    assert (project.folder / "resources").is_dir()


def test_maintenance_leaves_an_environment_alone_that_is_a_link(project):
    kept = project.elsewhere / "environment"
    kept.mkdir()
    (project.folder / ".venv").symlink_to(kept)
    project.typed = "2\ny\n"
    done = project.run("maintenance")
    assert (done.returncode, kept.is_dir()) == (1, True)
    assert "is a link" in done.stderr


def test_an_update_that_was_cut_off_is_undone_unless_it_is_at_work(project):
    project.run("setup")
    old = project.folder / ".update" / "old"
    (old / "fext_engine").mkdir(parents=True)
    (old / "fext_engine" / "a.py").write_text("old")
    shutil.copy(project.folder / "run.sh", old)
    (project.folder / "fext_engine").mkdir()
    (project.folder / "fext_engine" / "a.py").write_text("new")
    (old.parent / "process").write_text(f"{os.uname().nodename} {os.getpid()}\n")
    waits = project.run("runs")
    assert (waits.returncode, waits.stdout) == (1, "")
    assert "is at work" in waits.stderr
    dead = subprocess.Popen(["true"])
    dead.wait()
    (old.parent / "process").write_text(f"{os.uname().nodename} {dead.pid}\n")
    done = project.run("runs", "a b")
    assert done.stdout.startswith("fext in")
    assert "was cut off" in done.stderr
    assert "[runs a b]" in done.stdout
    assert (project.folder / "fext_engine" / "a.py").read_text() == "old"
    assert not old.parent.exists()
    assert project.run("runs").stderr == ""


def test_finished_environment_works_in_a_read_only_project(project):
    project.run("setup")
    before = {p: p.stat().st_mtime_ns for p in project.folder.rglob("*")}
    assert project.run("runs").stderr == ""
    assert {p: p.stat().st_mtime_ns for p in project.folder.rglob("*")} == before


@pytest.mark.slow
def test_real_installation_in_a_path_with_spaces_when_uv_fails(tmp_path):
    folder = tmp_path / "a b" / "fext"
    shutil.copytree(
        PROJECT, folder, ignore=shutil.ignore_patterns(".venv", ".git", "__pycache__", ".*_cache", "checkpoints")
    )  # fmt: skip
    programs = tmp_path / "programs"
    programs.mkdir()
    (programs / "uv").write_text("#!/bin/sh\nexit 2\n")
    (programs / "uv").chmod(0o755)
    path = f"{programs}{os.pathsep}{os.environ['PATH']}"
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("FEXT_", "VIRTUAL_ENV"))} | {"PATH": path}

    def start(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [folder / "run.sh", *arguments], cwd=tmp_path, env=environment, text=True, capture_output=True, check=False
        )

    first = start("--version")
    assert first.returncode == 0, first.stderr
    assert first.stdout.startswith("fext ")
    began = time.perf_counter()
    assert start("--version").stderr == ""
    through_script = time.perf_counter() - began
    began = time.perf_counter()
    subprocess.run([folder / ".venv/bin/fext", "--version"], check=True, capture_output=True)
    assert through_script - (time.perf_counter() - began) < 0.2
