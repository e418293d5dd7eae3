"""Signals at random moments of train, encode and analyze, to the job or to the UI that shows it: nothing is lost for good.

FEXT_FAULT_ROUNDS is the number of rounds, 100 unless it is set, a fifth of them of the UI; the first six are run without
`-m slow`. FEXT_FAULT_SEED, 0 unless it is set, chooses other moments. The number that a test bears is its round.
"""

from __future__ import annotations

import os
import random
import re
import shutil
import signal
from collections.abc import Iterator
from contextlib import suppress

import pytest

if os.name == "nt":
    pytest.skip("signals, forks and pseudo-terminals are of POSIX", allow_module_level=True)

from struck_job import COUNTED, Gate, Moment, StruckJob, strike
from whole_work import EPOCHS, Work

from fext_engine.jobs.events import EventReader
from fext_engine.jobs.run import EXIT_INTERRUPTED
from fext_engine.jobs.settle import take_ends
from fext_engine.jobs.supervisor import Supervisor

SEED = os.environ.get("FEXT_FAULT_SEED", "0")
ROUNDS = int(os.environ.get("FEXT_FAULT_ROUNDS", "100"))
UI_ROUNDS = ROUNDS // 5
FAST, FAST_UI = 6, 0
FAULTS = {
    "SIGKILL": (signal.SIGKILL,),
    "SIGTERM": (signal.SIGTERM,),
    "SIGHUP": (signal.SIGHUP,),
    "SIGSTOP, SIGCONT": (signal.SIGSTOP,),
    "SIGTERM twice": (signal.SIGTERM, signal.SIGTERM),
}
ORDER = ("SIGKILL", "SIGTERM", "SIGHUP", "SIGKILL", "SIGSTOP, SIGCONT", "SIGTERM twice", "SIGKILL")
HARD = ("SIGKILL", "SIGTERM twice")
UI_FAULTS = ("SIGKILL", "SIGHUP", "SIGSTOP, SIGCONT", "SIGTERM")
STATES = {0: {"finished"}, EXIT_INTERRUPTED: {"stopped"}, -signal.SIGKILL: {"died", "finished"}}


def rounds(count: int, fast: int) -> Iterator[object]:
    for number in range(count):
        yield pytest.param(number, marks=[pytest.mark.slow] if number >= fast else [])


def a_moment(chance: random.Random, work: Work) -> Moment:
    counted = chance.choice([what for what in COUNTED if work.counts[what]])
    return Moment(counted, chance.randint(1, work.counts[counted]))


def a_moment_to_hold(chance: random.Random, work: Work) -> Moment:
    """One at which the job has something to show, and holds no transaction that others would wait for."""
    steps = work.counts["step"]
    return Moment("step", chance.randint(1, steps)) if steps else Moment("event", chance.randint(1, 4))


@pytest.mark.parametrize("number", rounds(ROUNDS - UI_ROUNDS, FAST))
def test_a_struck_job_loses_little_and_the_next_start_makes_it_whole(number, works, start_job, tmp_path, fault_table):
    chance = random.Random(f"job {SEED} {number}")
    work, fault = works[number % len(works)], ORDER[number % len(ORDER)]
    workspace, moment, within = work.workspace(tmp_path / "ws"), a_moment(chance, work), chance.random() < 0.5
    print(work.verb, fault, moment, "by itself" if within else "from outside")

    asked = (workspace, work.verb, work.settings, work.arguments)
    if within:
        job = start_job(*asked, moment=moment, act=strike(*FAULTS[fault]))
    else:
        job = start_job(*asked)
        if job.reached(moment):
            for sent in FAULTS[fault]:
                os.kill(job.pid, sent)
    if signal.SIGSTOP in FAULTS[fault] and job.stopped():
        ended = job.info.last is not None and job.info.last.kind == "finished"  # it was about to leave
        assert ended or (job.info.state == "running" and not take_ends(Supervisor(workspace)))
        os.kill(job.pid, signal.SIGCONT)
    code = job.wait()

    assert code in (0, -signal.SIGKILL) if fault == "SIGKILL" else code in (0, EXIT_INTERRUPTED)
    assert code == 0 or fault not in ("SIGHUP", "SIGSTOP, SIGCONT")
    info = job.info
    assert info.state in STATES[code] and not info.is_active
    (end,) = take_ends(Supervisor(workspace))
    assert (end.id, end.state) == (info.id, info.state)
    assert not take_ends(Supervisor(workspace)), "it is told once"

    work.check(workspace)
    lost = "nothing"
    if code and fault in HARD:
        lost = work.lost
    at_most = -(-work.counts["step"] // EPOCHS) if lost != "nothing" else 0
    assert work.kept(workspace) >= (job.counts["step"] or told(job)) - at_most
    work.finish(workspace)
    work.check(workspace)
    assert work.left(workspace) == work.whole
    saw = f"{end.state}: {end.message}" if end.message else end.state
    fault_table(fault=fault, where=f"the job, {work.verb}", saw=re.sub(r"\d+", "N", saw), lost=lost)


@pytest.mark.slow
@pytest.mark.parametrize("verb", ["train", "encode", "analyze"])
def test_killed_before_any_write_becomes_durable_the_next_start_makes_it_whole(verb, works, start_job, tmp_path):
    work = next(work for work in works if work.verb == verb)
    for moment in [Moment(what, n) for what in ("write", "folder") for n in range(1, work.counts[what] + 1)]:
        workspace = work.workspace(tmp_path / "ws")
        job = start_job(workspace, verb, work.settings, work.arguments, moment=moment, act=strike(signal.SIGKILL))
        assert job.wait() == -signal.SIGKILL, moment
        take_ends(Supervisor(workspace))
        work.check(workspace)
        work.finish(workspace)
        work.check(workspace)
        assert work.left(workspace) == work.whole, moment
        shutil.rmtree(workspace.root)


@pytest.mark.parametrize("number", rounds(UI_ROUNDS, FAST_UI))
def test_a_struck_ui_leaves_the_job_at_work_and_the_next_one_shows_it(  # noqa: PLR0917 - fixtures
    number, works, start_job, start_ui, tmp_path, fault_table
):
    chance = random.Random(f"ui {SEED} {number}")
    work, fault = works[number % len(works)], UI_FAULTS[number % len(UI_FAULTS)]
    workspace, moment, early = work.workspace(tmp_path / "ws"), a_moment_to_hold(chance, work), chance.random() < 0.3
    print(work.verb, fault, moment, "early" if early else "when it shows the job")

    gate, at_work = Gate(), rf"{work.verb} .*x stop"
    job = start_job(workspace, work.verb, work.settings, work.arguments, moment=moment, act=gate.hold)
    assert job.reached(moment)
    ui = start_ui(workspace)
    ui.wait_for("FeXT" if early else at_work)
    os.kill(ui.process.pid, FAULTS[fault][0])
    if fault == "SIGSTOP, SIGCONT":
        os.waitid(os.P_PID, ui.process.pid, os.WSTOPPED | os.WNOWAIT)
        gate.open()
        assert job.wait() == 0
        os.kill(ui.process.pid, signal.SIGCONT)
        saw = "the job's end, when it went on"
    else:
        code = ui.wait()
        assert code == -signal.SIGKILL if fault == "SIGKILL" else "\x1b[?1049l" in ui.raw
        assert job.info.state == "running"
        ui = start_ui(workspace)
        ui.wait_for(at_work)
        gate.open()
        assert job.wait() == 0
        saw = "the program is gone; the next one shows the job at work, then its end"
    ui.wait_for("finished")
    ui.press("q")
    with suppress(AssertionError):  # asked only where the program has not heard of the job's end yet
        ui.wait_for("Leave it running", 2)
        ui.press("l")
    assert ui.wait() == 0
    assert job.info.state == "finished" and not take_ends(Supervisor(workspace)), "nothing is left to tell"
    work.check(workspace)
    assert work.left(workspace) == work.whole
    fault_table(fault=fault, where=f"the UI, during {work.verb}", saw=saw, lost="nothing")


def told(job: StruckJob) -> int:
    """How much the job said that it had done, in its main stage."""
    done = [
        event.data["done"]
        for event in EventReader(job.folder).read()
        if event.kind == "progress" and event.data["stage"] in ("encoding", "measure")
    ]
    return max(done, default=0)
