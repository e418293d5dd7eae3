"""Questions on a plain terminal, and showing what they are about."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from fext_engine.cli.wording import size
from fext_engine.errors import FextError
from fext_engine.maintenance.removal import Removable
from fext_engine.paths import escape_name

WIDTH = 60
_DIGITS = 9  # of the largest number that anybody means


class Quit(Exception):
    """The user asked to leave, or the input ended."""


def ask(question: str) -> str:
    """Ask for a line; raises Quit at its end, and for `q`."""
    try:
        answer = input(question).strip()
    except EOFError:
        print()
        raise Quit from None
    except UnicodeDecodeError:
        raise FextError("what was typed is no text in this terminal's encoding", "type it anew") from None
    if answer.lower() in ("q", "quit"):
        raise Quit
    return answer


def agreed(question: str) -> bool:
    """Ask something that only a clear yes agrees to."""
    if ask(f"{question} [y/N] ").lower() in ("y", "yes"):
        return True
    print("Nothing was done.")
    return False


def number_in(text: str, most: int) -> int | None:
    """The number from 1 to `most` that `text` is, or None."""
    if text.isdecimal() and len(text) <= _DIGITS and 1 <= int(text) <= most:
        return int(text)
    return None


def picked(text: str, items: Sequence[Removable]) -> list[Removable]:
    """The items that `1 3-5` names, counted from 1; raises FextError for anything else."""
    numbers: set[int] = set()
    for part in text.replace(",", " ").split():
        first, dash, last = part.partition("-")
        if not (first.isdecimal() and (last.isdecimal() if dash else True)):
            raise FextError(
                f"{escape_name(part[:40])!r} is no number", "write numbers of the list, such as 1 3-5"
            )
        low, high = number_in(first, len(items)), number_in(last or first, len(items))
        if low is None or high is None or low > high:
            raise FextError(f"{part[:40]} is not in the list", f"write numbers from 1 to {len(items)}")
        numbers.update(range(low, high + 1))
    return [items[number - 1] for number in sorted(numbers)]


def show(items: Iterable[Removable], root: Path, numbered: bool = False) -> None:
    """Print each item with its size, and the job that needs it."""
    for number, item in enumerate(items, 1):
        where = escape_name(str(item.path.relative_to(root)))
        busy = f"  (in use by job {item.in_use})" if item.in_use else ""
        print(f"{f'{number:3}  ' if numbered else '  '}{where:<{WIDTH}} {size(item.bytes):>10}{busy}")
