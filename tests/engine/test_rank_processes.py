"""Processes of one job find each other, tell each other things, and notice a death."""

from __future__ import annotations

import signal
import time

from rank_processes import die, in_ranks, my_number
from torch.distributed import TCPStore

from fext_engine.ranks import join_ranks, leave_ranks


def test_processes_meet_and_notice_a_death():
    def meet():
        ranks = join_ranks()
        assert ranks.gather(my_number() * 10) == [0, 10, 20]
        assert ranks.by_leader(my_number) == 0
        leave_ranks(ranks)

    assert in_ranks(3, meet) == [(0, "")] * 3

    def lose():
        ranks = join_ranks()
        if my_number() == 1:
            die()
        ranks.wait()

    (first, error), (second, _) = in_ranks(2, lose)
    assert (first, second) == (1, -signal.SIGKILL)
    assert error.startswith("RankLost: process 0 of 2 lost another one"), error


def test_after_a_restart_one_that_is_late_is_waited_for_and_not_sought_where_it_died():
    kept = TCPStore("127.0.0.1", 0, is_master=True, wait_for_workers=False)  # torchrun's, which outlives them

    def start(restart):
        def meet():
            if my_number() == 1 and restart:
                store = TCPStore("127.0.0.1", kept.port, is_master=False)
                while store.num_keys() <= before:  # until the other one has said where it is
                    time.sleep(0.01)
            ranks = join_ranks()
            ranks.wait()
            leave_ranks(ranks)

        return in_ranks(
            2, meet, MASTER_PORT=str(kept.port), TORCHELASTIC_USE_AGENT_STORE="True",
            TORCHELASTIC_RESTART_COUNT=str(restart),
        )  # fmt: skip

    before = 0
    assert start(0) == [(0, "")] * 2
    before = kept.num_keys()
    assert start(1) == [(0, "")] * 2
