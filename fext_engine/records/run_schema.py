"""The tables of runs, their epochs and the encodings made with them, and what later versions added."""

from __future__ import annotations

RUNS = """
CREATE TABLE runs (
    name           TEXT PRIMARY KEY,
    model          TEXT NOT NULL,
    state          TEXT NOT NULL,            -- running, finished, stopped or failed
    epochs_planned INTEGER NOT NULL,
    images         TEXT NOT NULL,            -- the folder of training images
    configuration  TEXT NOT NULL,            -- all settings, TOML
    started_at     REAL NOT NULL,
    updated_at     REAL NOT NULL
) STRICT;

CREATE TABLE epochs (
    run               TEXT NOT NULL REFERENCES runs (name) ON DELETE CASCADE,
    epoch             INTEGER NOT NULL,      -- from 1
    loss              REAL,
    val_loss          REAL,
    mae               REAL,
    val_mae           REAL,
    cosine            REAL,
    val_cosine        REAL,
    val_psnr          REAL,                  -- dB
    learning_rate     REAL,
    images_per_second REAL,
    seconds           REAL,
    PRIMARY KEY (run, epoch)
) STRICT;

CREATE TABLE encodings (
    path       TEXT PRIMARY KEY,             -- the folder
    run        TEXT NOT NULL,
    images     TEXT NOT NULL,                -- the folder that was encoded
    encoded    INTEGER NOT NULL,             -- rows of latents.npy
    broken     INTEGER NOT NULL,             -- files that could not be read
    dimensions INTEGER NOT NULL,             -- numbers in a row
    dtype      TEXT NOT NULL,
    pooling    TEXT NOT NULL,
    created_at REAL NOT NULL
) STRICT;
"""

RUN_METRICS = """
ALTER TABLE epochs ADD COLUMN val_mse REAL;
ALTER TABLE epochs ADD COLUMN val_ssim REAL;
"""

JOBS_TOLD = """
ALTER TABLE jobs ADD COLUMN told INTEGER NOT NULL DEFAULT 0;  -- 1 when somebody was told how it ended
UPDATE jobs SET told = 1 WHERE state != 'running';
"""

RUN_NOTES = """
ALTER TABLE runs ADD COLUMN note TEXT NOT NULL DEFAULT '';
"""
