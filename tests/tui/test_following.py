"""A job's events become the snapshot that screens show."""

from __future__ import annotations

from fext_engine.jobs.events import Event
from fext_tui.following import JobSnapshot, advance


def test_a_whole_job_in_two_batches():
    job = JobSnapshot("20260101T000000-train-ab12", "train")
    job, log = advance(
        job,
        [
            Event("started", {"verb": "train", "id": job.id}, 1.0),
            Event("log", {"level": "warning", "message": "[red]broken.jpg: truncated", "run": "first"}, 2.0),
            Event("progress", {"stage": "epoch 1", "done": 10, "total": 40, "run": "first"}, 3.0),
            Event("progress", {"stage": "epoch 1", "done": 20, "total": 40, "run": "first"}, 4.0),
        ],
    )
    assert job.is_active and job.state == "running" and job.title == "train first"
    assert job.progress["done"] == 20
    assert [line.level for line in log] == ["info", "warning"]
    assert log[1].text == "[red]broken.jpg: truncated"

    job, log = advance(
        job,
        [
            Event("metric", {"epoch": 1, "values": {"loss": 0.25, "val_loss": None}}, 5.0),
            Event("sample", {"path": "/samples/epoch_0001.png", "epoch": 1}, 5.0),
            Event("finished", {"summary": {"epochs": 1}}, 6.0),
        ],
    )
    assert not job.is_active and job.state == "finished" and job.summary == {"epochs": 1}
    assert job.epochs_reported == 1 and job.sample == "/samples/epoch_0001.png"
    assert log[0].text == "epoch 1: loss 0.2500"


def test_a_failure_keeps_its_cause_and_its_traceback():
    events = [Event("failed", {"error": "out of memory", "do": "lower training.batch_size", "traceback": "a\nb"}, 1.0)]
    job, log = advance(JobSnapshot("1", "train"), events)
    assert (job.state, job.error, job.do) == ("failed", "out of memory", "lower training.batch_size")
    assert [(line.level, line.text) for line in log] == [
        ("error", "out of memory; lower training.batch_size"),
        ("debug", "a"),
        ("debug", "b"),
    ]


def test_a_stop_is_a_warning_not_an_error():
    job, log = advance(JobSnapshot("1", "train"), [Event("stopped", {"message": "stopped in epoch 2"}, 1.0)])
    assert job.state == "stopped" and log[0].level == "warning"
