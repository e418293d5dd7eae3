"""The maintenance console: a plain menu that works on any terminal and asks before it removes anything."""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from fext_engine.cli.wording import size
from fext_engine.errors import FextError
from fext_engine.maintenance import database, removal, software
from fext_engine.maintenance.removal import Kind, Removable
from fext_engine.paths import escape_name
from fext_engine.workspace import Workspace, find_workspace

WIDTH = 60


class _Quit(Exception):
    """The user asked to leave, or the input ended."""


def main(arguments: Sequence[str] = ()) -> int:
    """Show the menu until the user quits; returns the exit code."""
    parser = argparse.ArgumentParser("run.sh maintenance", description="The maintenance console.")
    parser.add_argument("--resources", metavar="DIR", help="Resources folder, instead of FEXT_RESOURCES.")
    options = parser.parse_args(arguments)
    try:
        workspace = find_workspace(options.resources)
    except FextError as error:
        print(error, file=sys.stderr)
        return 1
    try:
        while True:
            _show_menu(workspace)
            chosen = _ask("Number, or q to quit: ")
            if chosen.isdigit() and 1 <= int(chosen) <= len(MENU):
                _carry_out(MENU[int(chosen) - 1], workspace)
            elif chosen:
                print(f"There is no {chosen!r}.")
    except _Quit:
        return 0
    except KeyboardInterrupt:
        print()
        return 130


def _carry_out(entry: Entry, workspace: Workspace) -> None:
    print(f"\n-- {entry.title}")
    try:
        entry.action(workspace)
    except FextError as error:
        print(f"That did not work: {error}")


def _show_menu(workspace: Workspace) -> None:
    print(f"\nFeXT maintenance of {escape_name(str(workspace.root))}")
    for number, entry in enumerate(MENU, 1):
        print(f"{number:3}  {entry.title}")


def _ask(question: str) -> str:
    try:
        answer = input(question).strip()
    except EOFError:
        print()
        raise _Quit from None
    if answer.lower() in ("q", "quit"):
        raise _Quit
    return answer


def _agreed(question: str) -> bool:
    return _ask(f"{question} [y/N] ").lower() in ("y", "yes")


def _show(items: Sequence[Removable], workspace: Workspace, numbered: bool = False) -> None:
    for number, item in enumerate(items, 1):
        where = escape_name(str(item.path.relative_to(workspace.root)))
        busy = f"  (in use by job {item.in_use})" if item.in_use else ""
        print(f"{f'{number:3}  ' if numbered else '  '}{where:<{WIDTH}} {size(item.bytes):>10}{busy}")
    for folder in removal.linked_away(workspace):
        print(f"  (left alone: {escape_name(str(folder))} is a link that leads out of the resources)")


def _remove(workspace: Workspace, items: Sequence[Removable]) -> None:
    total = size(sum(item.bytes for item in items))
    if _agreed(f"Delete these {len(items)}, {total}, for good?"):
        print(f"{size(removal.remove(workspace, items))} freed.")
    else:
        print("Nothing was deleted.")


def _remove_all(*kinds: Kind) -> Callable[[Workspace], None]:
    def action(workspace: Workspace) -> None:
        found = removal.removable(workspace, kinds)
        _show(found, workspace)
        free = [item for item in found if not item.in_use]
        if free:
            _remove(workspace, free)
        else:
            print("There is nothing to delete.")

    return action


def _remove_picked(kind: Kind) -> Callable[[Workspace], None]:
    def action(workspace: Workspace) -> None:
        found = removal.removable(workspace, [kind])
        _show(found, workspace, numbered=True)
        if not found:
            print("There are none.")
            return
        picked = _picked(_ask("Which, as 1 3-5, or Enter for none: "), found)
        if picked:
            _show(picked, workspace)
            _remove(workspace, picked)

    return action


def _picked(text: str, items: Sequence[Removable]) -> list[Removable]:
    """The items that `1 3-5` names, counted from 1; raises FextError for anything else."""
    numbers: set[int] = set()
    for part in text.replace(",", " ").split():
        first, dash, last = part.partition("-")
        if not (first.isdecimal() and (last.isdecimal() if dash else True)):
            raise FextError(f"{part!r} is no number", "write numbers of the list, such as 1 3-5")
        low, high = int(first), int(last or first)
        if not 1 <= low <= high <= len(items):
            raise FextError(f"{part} is not in the list", f"write numbers from 1 to {len(items)}")
        numbers.update(range(low, high + 1))
    return [items[number - 1] for number in sorted(numbers)]


def _vacuum(workspace: Workspace) -> None:
    before, after = database.vacuum(workspace)
    print(f"{size(before)} before, {size(after)} now.")


def _back_up(workspace: Workspace) -> None:
    print(f"Copied to {escape_name(str(database.back_up(workspace)))}")


def _export(workspace: Workspace) -> None:
    print(f"Written to {escape_name(str(database.export_tables(workspace)))}")


def _open_database(workspace: Workspace) -> None:
    program = shutil.which("sqlite3") or shutil.which("sqlitebrowser")
    if program is None:
        raise FextError("neither sqlite3 nor DB Browser is installed", "install one, or export the tables")
    if not workspace.database.exists():
        raise FextError("there is no database yet", "`fext analyze` or `fext train` makes one")
    print("Look, and change nothing while a job runs; .quit leaves the sqlite shell.")
    subprocess.run([program, str(workspace.database)], check=False)


def _update(_: Workspace) -> None:
    project = software.project_folder()
    if project is None:
        raise FextError("FeXT was installed as a package", "update it with the program that installed it")
    titles = software.incoming_changes(project)
    if not titles:
        print("FeXT is up to date.")
        return
    print("\n".join(f"  {title}" for title in titles[:20]))
    if _agreed(f"Take in these {len(titles)} changes?"):
        print(f"Now at {software.update(project)}. The next start installs what it needs.")


def _uninstall(_: Workspace) -> None:
    folder = software.environment_folder()
    if folder is None:
        raise FextError("FeXT does not run in a .venv that run.sh made", "uninstall it the way it came")
    print(f"  {escape_name(str(folder))}: the Python environment with all libraries.")
    print("  Images, runs, encodings and settings stay, and so does this project's folder.")
    if _agreed("Delete it?"):
        software.remove_environment(folder)
        print("Gone. ./run.sh setup makes it again.")
        raise _Quit


def _show_places(workspace: Workspace) -> None:
    from fext_engine.cli import main as fext

    fext(["locate", "--resources", str(workspace.root)])


@dataclass(frozen=True)
class Entry:
    """One line of the menu."""

    title: str
    action: Callable[[Workspace], object]


MENU = (
    Entry("Remove logs", _remove_all("log")),
    Entry("Remove the records of finished jobs", _remove_all("job")),
    Entry("Clear caches and leftovers", _remove_all("cache", "leftover")),
    Entry("Remove runs", _remove_picked("run")),
    Entry("Remove encodings", _remove_picked("encoding")),
    Entry("Remove unfinished encodings", _remove_picked("unfinished")),
    Entry("Remove dataset reports", _remove_picked("report")),
    Entry("Back up the database", _back_up),
    Entry("Vacuum the database", _vacuum),
    Entry("Export all tables as CSV", _export),
    Entry("Open the database in sqlite3 or DB Browser", _open_database),
    Entry("Update FeXT", _update),
    Entry("Uninstall (the Python environment)", _uninstall),
    Entry("Show paths and versions", _show_places),
)
