"""Records of encodings, for lists; what they hold is in each one's own folder."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass

from fext_engine.records.database import Records


@dataclass(frozen=True)
class EncodingRecord:
    """One folder of latent vectors. Paths are escaped; `dimensions` are the numbers in a row."""

    path: str
    run: str
    images: str
    encoded: int
    broken: int
    dimensions: int
    dtype: str
    pooling: str


def record_encoding(records: Records, encoding: EncodingRecord) -> None:
    """Note a finished encoding."""
    with records.connection as connection:
        connection.execute(
            """
            INSERT OR REPLACE INTO encodings
                (path, run, images, encoded, broken, dimensions, dtype, pooling, created_at)
            VALUES (:path, :run, :images, :encoded, :broken, :dimensions, :dtype, :pooling, :created_at)
            """,
            {**asdict(encoding), "created_at": time.time()},
        )


def list_encodings(records: Records) -> list[EncodingRecord]:
    """All recorded encodings, the newest first; a folder may have been removed since."""
    # by their numbers: the clock may have been set back in between
    rows = records.connection.execute("SELECT * FROM encodings ORDER BY rowid DESC")
    names = EncodingRecord.__dataclass_fields__
    return [EncodingRecord(**{name: row[name] for name in names}) for row in rows]
