"""All records, in one SQLite database that people can open with any tool."""

from fext_engine.records.database import Records, open_records

__all__ = ["Records", "open_records"]
