"""The database's tables of what is wrong with images, and of those that a person has excluded."""

from __future__ import annotations

HEALTH = """
ALTER TABLE images ADD COLUMN excluded INTEGER NOT NULL DEFAULT 0;   -- 1: a person keeps it out of training
ALTER TABLE images ADD COLUMN excluded_reason TEXT NOT NULL DEFAULT '';

CREATE INDEX images_excluded ON images (root_id, path) WHERE excluded;

CREATE TABLE image_issues (         -- what the last analysis found, one row an image and issue
    image_id      INTEGER NOT NULL REFERENCES images (id) ON DELETE CASCADE,
    issue         TEXT NOT NULL,    -- dark, blurry, exact_duplicate and so on
    root_id       INTEGER NOT NULL, -- that of the image: lists need no other table
    severity      REAL NOT NULL,    -- orders the images of an issue, and of a group: larger is worse
    score         REAL NOT NULL,    -- value of the measure; outlier: robust z; duplicates and leaks: bits that differ
    percentile    REAL,             -- share of the images whose measure is smaller, 0 to 100
    measure       TEXT NOT NULL,    -- the statistic that decided
    direction     TEXT NOT NULL,    -- low or high; of duplicates and leaks: keep or copy
    group_number  INTEGER,          -- duplicates and leaks: images that belong together, the largest group first
    detail        TEXT NOT NULL,
    PRIMARY KEY (image_id, issue)
) STRICT;

CREATE INDEX image_issues_ranked ON image_issues (root_id, issue, group_number, severity DESC, image_id);

CREATE TABLE forgotten_exclusions ( -- of files that are gone: an unplugged disk must not undo a decision
    root_id       INTEGER NOT NULL,
    path          TEXT NOT NULL,
    reason        TEXT NOT NULL,
    PRIMARY KEY (root_id, path)
) STRICT;

CREATE TRIGGER remember_exclusion BEFORE DELETE ON images WHEN old.excluded
BEGIN
    INSERT OR REPLACE INTO forgotten_exclusions VALUES (old.root_id, old.path, old.excluded_reason);
END;

CREATE TRIGGER restore_exclusion AFTER INSERT ON images
WHEN EXISTS (SELECT 1 FROM forgotten_exclusions WHERE root_id = new.root_id AND path = new.path)
BEGIN
    UPDATE images SET excluded = 1, excluded_reason =
        (SELECT reason FROM forgotten_exclusions WHERE root_id = new.root_id AND path = new.path)
    WHERE id = new.id;
    DELETE FROM forgotten_exclusions WHERE root_id = new.root_id AND path = new.path;
END;

CREATE VIEW issue_overview AS
SELECT image_roots.path AS root, issue, images.path, class, split, score, percentile, measure, direction,
       group_number, detail, excluded
FROM image_issues
JOIN images ON images.id = image_id
JOIN image_roots ON image_roots.id = images.root_id
ORDER BY image_issues.root_id, issue, group_number, severity DESC, image_id;

CREATE VIEW excluded_images AS
SELECT image_roots.path AS root, images.path, class, excluded_reason AS reason
FROM images JOIN image_roots ON image_roots.id = images.root_id
WHERE excluded;
"""
