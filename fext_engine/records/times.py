"""Recorded times: seconds since 1970, of which somebody else's database or job may hold any number."""

from __future__ import annotations

from datetime import datetime


def local_time(seconds: float) -> datetime:
    """The moment in local time; that of 0, in 1970, for a number that is no date."""
    try:
        moment = datetime.fromtimestamp(seconds)
        moment.astimezone()  # fails at the ends of the calendar
    except (ValueError, OverflowError, OSError):
        return datetime.fromtimestamp(0)
    return moment
