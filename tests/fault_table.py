"""The table of faults: what tests cause, where, what the user saw and what was lost; printed after all tests.

A test adds a row with the fixture `fault_table`; equal rows are counted. A row says what was seen to be so:
add it after the assertions.
"""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Callable, Iterable
from io import StringIO

import pytest
from rich.console import Console
from rich.table import Table

PROPERTY = "fault"
"""A property of the test, which pytest-xdist carries from its worker to the process that prints."""
Row = tuple[str, ...]


@pytest.fixture
def fault_table(request: pytest.FixtureRequest) -> Callable[..., None]:
    """Add a row: `fault_table(fault="disk full", where="encode", saw="...", lost="nothing")`."""

    def add(*, fault: str, where: str, saw: str, lost: str) -> None:
        request.node.user_properties.append((PROPERTY, (fault, where, saw, lost)))

    return add


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the table, if any test added to it."""
    reports = [report for outcome in ("passed", "failed") for report in terminalreporter.stats.get(outcome, ())]
    rows = rows_of(reports)
    if rows:
        terminalreporter.section("faults")
        terminalreporter.write(render(rows, shutil.get_terminal_size((120, 24)).columns))


def rows_of(reports: Iterable[pytest.TestReport]) -> Counter[Row]:
    """How often each row was added; a test's other phases report the same properties."""
    return Counter(
        tuple(value)
        for report in reports
        if getattr(report, "when", None) == "call"
        for name, value in report.user_properties
        if name == PROPERTY
    )


def render(rows: Counter[Row], width: int) -> str:
    """The table as plain text, the rows in order of fault and place."""
    table = Table("times", "fault", "where", "what the user saw", "what was lost", show_lines=True)
    table.columns[0].justify = "right"
    for row, times in sorted(rows.items()):
        table.add_row(str(times), *row)
    text = StringIO()
    Console(file=text, width=width, markup=False, highlight=False, emoji=False).print(table)
    return text.getvalue()
