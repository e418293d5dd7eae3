"""The database's tables behind reports per class and their comparison, and the thumbnails of mean images."""

from __future__ import annotations

REPORT_DETAILS = """
CREATE TABLE image_thumbnails (     -- 24 x 24 x 3 bytes of RGB, squeezed to a square: for mean images
    image_id      INTEGER PRIMARY KEY REFERENCES images (id) ON DELETE CASCADE,
    pixels        BLOB NOT NULL
) STRICT;

CREATE TABLE report_distributions ( -- what comparing two reports needs, once their images are gone
    report_id     INTEGER NOT NULL REFERENCES reports (id) ON DELETE CASCADE,
    split         TEXT NOT NULL,    -- all, train or validation
    measure       TEXT NOT NULL,    -- a measure of the images, or width, height, aspect or bytes
    n             INTEGER NOT NULL,
    mean          REAL NOT NULL,
    std           REAL NOT NULL,
    quantiles     TEXT NOT NULL,    -- JSON: 101 values, number i the quantile (i + 0.5) / 101
    PRIMARY KEY (report_id, split, measure)
) STRICT;

CREATE TABLE report_class_statistics (
    report_id     INTEGER NOT NULL REFERENCES reports (id) ON DELETE CASCADE,
    class         TEXT NOT NULL,
    measure       TEXT NOT NULL,
    n             INTEGER NOT NULL,
    minimum       REAL NOT NULL,
    p5            REAL NOT NULL,
    p25           REAL NOT NULL,
    median        REAL NOT NULL,
    mean          REAL NOT NULL,
    std           REAL NOT NULL,
    p75           REAL NOT NULL,
    p95           REAL NOT NULL,
    maximum       REAL NOT NULL,
    PRIMARY KEY (report_id, class, measure)
) STRICT;

CREATE TABLE report_issues (        -- how many images have each issue
    report_id     INTEGER NOT NULL REFERENCES reports (id) ON DELETE CASCADE,
    issue         TEXT NOT NULL,
    images        INTEGER NOT NULL,
    PRIMARY KEY (report_id, issue)
) STRICT;

CREATE VIEW report_overview AS
SELECT reports.name AS report, root, datetime(created_at, 'unixepoch') AS created, measure, n, minimum, p5, median,
       mean, p95, maximum
FROM reports JOIN report_statistics ON report_id = id;

UPDATE images SET status = 'pending', reason = '' WHERE status = 'ok';  -- measured before there were thumbnails
"""
