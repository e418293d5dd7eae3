"""All records, in one SQLite database that people can open with any tool."""

from fext_engine.records.database import DatabaseRebuilt, Records, open_records, with_records

__all__ = ["DatabaseRebuilt", "Records", "open_records", "with_records"]
