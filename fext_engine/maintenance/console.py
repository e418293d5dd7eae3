"""The maintenance console: a plain menu that works on any terminal and asks before it changes anything."""

from __future__ import annotations

import argparse
import sqlite3
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

from fext_engine.cli.wording import size
from fext_engine.errors import FextError
from fext_engine.maintenance import database, database_programs, removal
from fext_engine.maintenance.asking import Quit, agreed, ask, number_in, picked, show
from fext_engine.maintenance.console_software import uninstall_fext, update_fext
from fext_engine.maintenance.removal import Kind, Removable
from fext_engine.paths import escape_name
from fext_engine.workspace import Workspace, find_workspace


def main(arguments: Sequence[str] = ()) -> int:
    """Show the menu until the user quits; returns the exit code."""
    parser = argparse.ArgumentParser("run.sh maintenance", description="The maintenance console.")
    parser.add_argument("--resources", metavar="DIR", help="Resources folder, instead of FEXT_RESOURCES.")
    options = parser.parse_args(arguments)
    with suppress(AttributeError):  # a terminal that lacks a letter shows its code
        sys.stdout.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    try:
        workspace = find_workspace(options.resources)
    except FextError as error:
        print(error, file=sys.stderr)
        return 1
    try:
        while True:
            _show_menu(workspace)
            _carry_out(ask, workspace)
    except Quit as leaving:
        return int(leaving.args[0]) if leaving.args else 0
    except KeyboardInterrupt:
        print()
        return 130


def _carry_out(choose: Callable[[str], str], workspace: Workspace) -> None:
    try:
        chosen = choose("Number, or q to quit: ")
        number = number_in(chosen, len(MENU))
        if number is not None:
            print(f"\n-- {MENU[number - 1].title}")
            MENU[number - 1].action(workspace)
        elif chosen:
            print(f"There is no {escape_name(chosen[:40])!r}.")
    except (FextError, OSError, sqlite3.Error) as error:
        print(f"That did not work: {error}")


def _show_menu(workspace: Workspace) -> None:
    print(f"\nFeXT maintenance of {escape_name(str(workspace.root))}")
    for number, entry in enumerate(MENU, 1):
        print(f"{number:3}  {entry.title}")


def _listed(workspace: Workspace, kinds: Sequence[Kind], numbered: bool = False) -> list[Removable]:
    found = removal.removable(workspace, kinds, _say_count if sys.stdout.isatty() else None)
    show(found, workspace.root, numbered)
    for folder in removal.linked_away(workspace):
        print(f"  (left alone: {escape_name(str(folder))} is a link that leads out of the resources)")
    return found


def _say_count(files: int, held: int) -> None:
    print(f"\r  adding up: {files:,} files, {size(held)} ", end="\r", flush=True)


def _remove(workspace: Workspace, items: Sequence[Removable]) -> None:
    total = size(sum(item.bytes for item in items))
    if agreed(f"Delete these {len(items)}, {total}, for good?"):
        print(f"{size(removal.remove(workspace, items))} freed.")


def _remove_all(*kinds: Kind) -> Callable[[Workspace], None]:
    def action(workspace: Workspace) -> None:
        free = [item for item in _listed(workspace, kinds) if not item.in_use]
        if free:
            _remove(workspace, free)
        else:
            print("There is nothing to delete.")

    return action


def _remove_picked(kind: Kind) -> Callable[[Workspace], None]:
    def action(workspace: Workspace) -> None:
        found = _listed(workspace, [kind], numbered=True)
        if not found:
            print("There are none.")
            return
        chosen = picked(ask("Which, as 1 3-5, or Enter for none: "), found)
        if chosen:
            show(chosen, workspace.root)
            _remove(workspace, chosen)

    return action


def _vacuum(workspace: Workspace) -> None:
    held = size(database.size_on_disk(workspace))
    print(f"  {escape_name(str(workspace.database))}, {held}: is written anew without its gaps.")
    print("  Nothing is deleted; it takes as much free space again for a while.")
    if agreed("Do it?"):
        before, after = database.vacuum(workspace)
        print(f"{size(before)} before, {size(after)} now.")


def _back_up(workspace: Workspace) -> None:
    held = size(database.size_on_disk(workspace))
    print(f"  {escape_name(str(workspace.database))}, {held}: is copied beside it. Nothing is deleted.")
    if agreed("Do it?"):
        print(f"Copied to {escape_name(str(database.back_up(workspace, _progress('pages'))))}")


def _export(workspace: Workspace) -> None:
    held = size(database.size_on_disk(workspace))
    print(f"  {escape_name(str(workspace.database))}, {held}: all its tables become CSV files beside it.")
    print("  Nothing is deleted.")
    if agreed("Do it?"):
        print(f"Written to {escape_name(str(database.export_tables(workspace, _progress('rows'))))}")


def _progress(unit: str) -> database.Progress | None:
    def say(done: int, total: int) -> None:
        print(f"\r  {done:,} of {total:,} {unit} ", end="\r" if done < total else "\n", flush=True)

    return say if sys.stdout.isatty() else None


def _open_browser(workspace: Workspace) -> None:
    database_programs.start_browser(workspace)
    print("DB Browser opens in a window of its own. Look, and change nothing while a job runs.")


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
    Entry("Open the database in the sqlite shell", database_programs.run_shell),
    Entry("Open the database in DB Browser", _open_browser),
    Entry("Update FeXT", update_fext),
    Entry("Uninstall FeXT", uninstall_fext),
    Entry("Show paths and versions", _show_places),
)
