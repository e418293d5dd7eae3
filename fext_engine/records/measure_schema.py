"""The database's columns for the measures that came after the first ones."""

from __future__ import annotations

_LATER = tuple(
    f"{channel}_{name}"
    for name in ("median", "minimum", "maximum", "range")
    for channel in ("red", "green", "blue")
)
_ADD_COLUMNS = "".join(
    f"ALTER TABLE image_statistics ADD COLUMN {name} REAL NOT NULL DEFAULT 0;\n" for name in _LATER
)

CHANNEL_MEASURES = f"""
{_ADD_COLUMNS}
-- what was measured lacks them: all of it is measured again
UPDATE images SET status = 'pending' WHERE status = 'ok';
DELETE FROM image_statistics;
"""
