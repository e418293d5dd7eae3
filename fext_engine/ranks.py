"""The processes that do one job together, as torchrun starts them: who is who, and what they tell each other."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, TypeVar, cast

from fext_engine.board import Board
from fext_engine.errors import FextError, JobStopped

T = TypeVar("T")

PATIENCE = timedelta(days=7)
"""How long one waits for another: whoever dies closes its connections, which ends the waiting at once."""

_BROKEN = ("gloo", "NCCL", "Connection", "connection", "Broken pipe")
_VARIABLES = {"RANK": "0", "WORLD_SIZE": "1", "LOCAL_RANK": "0"}


class RankLost(FextError):
    """Another process of the same job has died."""


class Ranks:
    """One process of `count`, by its `number` from 0 on; `local` is its number on its own machine.

    Number 0 leads: it alone writes what there is one of, and speaks to the user. With a count of one nothing is
    told to anyone, and torch is not imported. The others talk over gloo, through the address that torchrun gave.
    """

    def __init__(self, number: int = 0, count: int = 1, local: int = 0) -> None:
        self.number, self.count, self.local = number, count, local
        self.board: Board | None = None
        """Where they leave word for each other; there is one while several do a job."""

    @property
    def leads(self) -> bool:
        """Whether this is the one that writes."""
        return self.number == 0

    def share(self, total: int) -> range:
        """This process's part of `total` things: parts follow each other and differ by one at most."""
        first, last = (total * n // self.count for n in (self.number, self.number + 1))
        return range(first, last)

    def gather(self, value: T) -> list[T]:
        """What every process has to say, in the order of their numbers, on all of them."""
        if self.count == 1:
            return [value]
        import torch.distributed as dist

        values: list[Any] = [None] * self.count
        self._tell(lambda: dist.all_gather_object(values, value))
        return values

    def collect(self, value: T) -> list[T]:
        """The same on number 0 alone, for what is large; the others get nothing."""
        if self.count == 1:
            return [value]
        import torch.distributed as dist

        values: list[Any] | None = [None] * self.count if self.leads else None
        self._tell(lambda: dist.gather_object(value, values, dst=0))
        return values or []

    def by_leader(self, work: Callable[[], T]) -> T:
        """Let number 0 do the work while the others wait; all return its result, or raise its FextError."""
        if self.count == 1:
            return work()
        import torch.distributed as dist

        box: list[Any] = [None]
        if self.leads:
            try:
                box = [(work(), None)]
            except FextError as error:
                box = [(None, error)]
        self._tell(lambda: dist.broadcast_object_list(box, src=0))
        result, failure = box[0]
        if failure is not None:
            raise failure
        return cast(T, result)

    def wait(self, meanwhile: Callable[[], object] = lambda: None) -> None:
        """Wait until every process has come to this place, and call `meanwhile` a few times a second."""
        if self.count == 1:
            return
        import torch
        import torch.distributed as dist

        with self.losses_told():
            arrived = dist.all_reduce(torch.zeros(1), async_op=True)
            pause = 0.001
            while not arrived.is_completed():
                time.sleep(pause)
                pause = min(2 * pause, 0.1)
                meanwhile()
            arrived.wait()

    @contextmanager
    def together(self, meanwhile: Callable[[], object] = lambda: None) -> Iterator[None]:
        """Each process does its share of the work in the block; all leave it together, and end it alike.

        What one of them raises calls the others off, and then all raise a FextError of those there were, a
        failure rather than a stop. One that is done waits for the others and calls `meanwhile`, as in `wait`.
        """
        failure: FextError | None = None
        try:
            yield
        except BaseException as error:
            if self.board:
                self.board.call_off()
            if self.count == 1 or not isinstance(error, FextError):
                raise
            failure = error
        self.wait(meanwhile)
        failures = [error for error in self.gather(failure) if error is not None]
        if failures:
            raise min(failures, key=lambda error: isinstance(error, JobStopped))

    def any(self, flag: bool) -> bool:
        """Whether it is so on one of them at least."""
        return sum(self.sum([float(flag)])) > 0

    def sum(self, values: Sequence[float]) -> list[float]:
        """The sums over all processes, place by place, in float64."""
        if self.count == 1:
            return list(values)
        import torch
        import torch.distributed as dist

        sums = torch.tensor(values, dtype=torch.float64)
        self._tell(lambda: dist.all_reduce(sums))
        return cast(list[float], sums.tolist())

    def _tell(self, exchange: Callable[[], object]) -> None:
        with self.losses_told():
            exchange()

    @contextmanager
    def losses_told(self) -> Iterator[None]:
        """Raise RankLost for what torch raises inside when a connection to another process breaks."""
        try:
            yield
        except RuntimeError as error:
            text = str(error)
            if self.count == 1 or not any(word in text for word in _BROKEN):
                raise
            raise RankLost(
                f"process {self.number} of {self.count} lost another one: {text.strip().splitlines()[0][:200]}",
                "look for what that one said; the same command goes on, a training by `fext resume RUN`",
            ) from error


ALONE = Ranks()


def join_ranks() -> Ranks:
    """This process among those of its job, by the environment that torchrun set; waits for the others.

    Raises FextError when that environment makes no sense or the others do not come.
    """
    try:
        number, count, local = (int(os.environ.get(name, default)) for name, default in _VARIABLES.items())
    except ValueError as error:
        raise FextError(
            f"RANK, WORLD_SIZE or LOCAL_RANK is no number: {error}", "start FeXT by torchrun, or unset them"
        ) from error
    if count <= 1 or "MASTER_ADDR" not in os.environ:
        return ALONE
    import torch.distributed as dist

    try:
        store, _, _ = next(dist.rendezvous("env://", timeout=PATIENCE))  # type: ignore[attr-defined]
        # torchrun keeps one store over its restarts: without a prefix the addresses of the dead are found in it.
        name = f"attempt_{os.environ.get('TORCHELASTIC_RESTART_COUNT')}"
        attempt = dist.PrefixStore(name, store)  # type: ignore[attr-defined]
        dist.init_process_group("gloo", store=attempt, rank=number, world_size=count, timeout=PATIENCE)
    except (RuntimeError, ValueError) as error:
        raise FextError(
            f"process {number} of {count} does not reach the others: {error}",
            "start all of them by torchrun, with one --rdzv-endpoint",
        ) from error
    return Ranks(number, count, local)


def leave_ranks(ranks: Ranks) -> None:
    """End what `join_ranks` began."""
    if ranks.count > 1:
        import torch.distributed as dist

        dist.destroy_process_group()


def leads() -> bool:
    """Whether this process is the one that speaks to the user, before it has joined the others."""
    return os.environ.get("RANK", "0") == "0"


def processes_here() -> int:
    """How many processes do this job on this machine."""
    return int(os.environ.get("LOCAL_WORLD_SIZE") or 1)


def under_torchrun() -> bool:
    """Whether torchrun watches this process. It takes every exit code but 0 for a failure, a stop's 130 too."""
    return "TORCHELASTIC_RUN_ID" in os.environ


def restarted() -> bool:
    """Whether torchrun has started this job's processes anew because one of them had died."""
    return int(os.environ.get("TORCHELASTIC_RESTART_COUNT") or 0) > 0


def will_restart() -> bool:
    """Whether torchrun will start this job's processes anew when they end with a failure."""
    left = os.environ.get("TORCHELASTIC_MAX_RESTARTS") or 0
    return int(left) > int(os.environ.get("TORCHELASTIC_RESTART_COUNT") or 0)
