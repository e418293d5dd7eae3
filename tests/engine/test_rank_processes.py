"""Processes of one job find each other, tell each other things, and notice a death."""

from __future__ import annotations

import signal

from rank_processes import die, in_ranks, my_number

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
