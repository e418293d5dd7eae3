"""The database's tables of images, their measures and the reports about them."""

from __future__ import annotations

IMAGES = """
CREATE TABLE image_roots (          -- folders that were scanned
    id            INTEGER PRIMARY KEY,
    path          TEXT NOT NULL UNIQUE,
    scans         INTEGER NOT NULL DEFAULT 0
) STRICT;

CREATE TABLE images (               -- one row a file, also those that cannot be used
    id            INTEGER PRIMARY KEY,
    root_id       INTEGER NOT NULL REFERENCES image_roots (id) ON DELETE CASCADE,
    path          TEXT NOT NULL,    -- relative to the root
    class         TEXT NOT NULL,    -- the folder it lies in
    bytes         INTEGER NOT NULL,
    mtime_ns      INTEGER NOT NULL,
    scan          INTEGER NOT NULL, -- number of the last scan that saw the file
    split         TEXT NOT NULL DEFAULT 'unused',   -- train, validation or unused, at the last analysis
    status        TEXT NOT NULL DEFAULT 'pending',  -- pending (not read yet), ok, or why it cannot be used
    reason        TEXT NOT NULL DEFAULT '',
    digest        TEXT,             -- SHA-256 of the file
    format        TEXT,
    mode          TEXT,
    bit_depth     INTEGER,
    width         INTEGER,          -- upright, as all that follows
    height        INTEGER,
    orientation   INTEGER,          -- EXIF, 1 is upright
    frames        INTEGER,
    alpha_share   REAL,             -- share of pixels that are not opaque
    notes         TEXT,
    UNIQUE (root_id, path)
) STRICT;

CREATE INDEX images_by_status ON images (root_id, status);
CREATE INDEX images_by_class ON images (root_id, class, split);

CREATE TABLE image_statistics (     -- measures of usable images; units are in the documentation
    image_id               INTEGER PRIMARY KEY REFERENCES images (id) ON DELETE CASCADE,
    mean                   REAL NOT NULL,
    median                 REAL NOT NULL,
    std                    REAL NOT NULL,
    minimum                REAL NOT NULL,
    maximum                REAL NOT NULL,
    range                  REAL NOT NULL,
    red_mean               REAL NOT NULL,
    green_mean             REAL NOT NULL,
    blue_mean              REAL NOT NULL,
    red_std                REAL NOT NULL,
    green_std              REAL NOT NULL,
    blue_std               REAL NOT NULL,
    noise_std              REAL NOT NULL,
    noise_ratio            REAL NOT NULL,
    dark_share             REAL NOT NULL,
    bright_share           REAL NOT NULL,
    entropy                REAL NOT NULL,
    laplacian_variance     REAL NOT NULL,
    tenengrad              REAL NOT NULL,
    high_frequency_share   REAL NOT NULL,
    colourfulness          REAL NOT NULL,
    saturation_mean        REAL NOT NULL,
    low_saturation_share   REAL NOT NULL,
    high_saturation_share  REAL NOT NULL,
    edge_density           REAL NOT NULL,
    gradient_mean          REAL NOT NULL,
    lbp_energy             REAL NOT NULL,
    lbp_entropy            REAL NOT NULL,
    perceptual_hash        TEXT NOT NULL  -- 64-bit pHash, hex
) STRICT;

CREATE TABLE image_histograms (     -- zlib of 3 x 256 little-endian uint32: red, green, blue
    image_id      INTEGER PRIMARY KEY REFERENCES images (id) ON DELETE CASCADE,
    counts        BLOB NOT NULL
) STRICT;

CREATE TABLE reports (
    id            INTEGER PRIMARY KEY,
    name          TEXT NOT NULL UNIQUE,  -- its folder in database/validation
    root          TEXT NOT NULL,
    created_at    REAL NOT NULL,
    images        INTEGER NOT NULL,
    usable        INTEGER NOT NULL,
    summary       TEXT NOT NULL          -- JSON, as in summary.json
) STRICT;

CREATE TABLE report_statistics (
    report_id     INTEGER NOT NULL REFERENCES reports (id) ON DELETE CASCADE,
    measure       TEXT NOT NULL,
    n             INTEGER NOT NULL,
    minimum       REAL NOT NULL,
    p5            REAL NOT NULL,
    median        REAL NOT NULL,
    mean          REAL NOT NULL,
    p95           REAL NOT NULL,
    maximum       REAL NOT NULL,
    PRIMARY KEY (report_id, measure)
) STRICT;

CREATE TABLE report_drift (         -- training against validation images
    report_id     INTEGER NOT NULL REFERENCES reports (id) ON DELETE CASCADE,
    measure       TEXT NOT NULL,
    n_train       INTEGER NOT NULL,
    n_validation  INTEGER NOT NULL,
    ks            REAL NOT NULL,    -- Kolmogorov-Smirnov distance, 0 to 1
    wasserstein   REAL NOT NULL,    -- in standard deviations
    psi           REAL NOT NULL,    -- population stability index over deciles
    p_value       REAL NOT NULL,    -- of the KS distance, by permutation
    q_value       REAL NOT NULL,    -- p_value after Benjamini and Hochberg
    verdict       TEXT NOT NULL,    -- none, small or drift
    PRIMARY KEY (report_id, measure)
) STRICT;

CREATE TABLE report_classes (
    report_id     INTEGER NOT NULL REFERENCES reports (id) ON DELETE CASCADE,
    class         TEXT NOT NULL,
    train         INTEGER NOT NULL,
    validation    INTEGER NOT NULL,
    unused        INTEGER NOT NULL,
    broken        INTEGER NOT NULL,
    PRIMARY KEY (report_id, class)
) STRICT;

CREATE VIEW image_overview AS
SELECT image_roots.path AS root, images.path, class, split, status, reason, bytes, width, height, format, mode,
       bit_depth, orientation, frames, alpha_share, notes, digest, image_statistics.*
FROM images
JOIN image_roots ON image_roots.id = images.root_id
LEFT JOIN image_statistics ON image_statistics.image_id = images.id AND images.status = 'ok';

CREATE VIEW broken_images AS
SELECT image_roots.path AS root, images.path, status, reason, bytes
FROM images JOIN image_roots ON image_roots.id = images.root_id
WHERE status NOT IN ('ok', 'pending');
"""
