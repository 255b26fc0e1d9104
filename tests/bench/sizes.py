"""How much each part of the benchmark measures: the sizes of its loads, and how often each is repeated."""

from __future__ import annotations

from typing import Final

import msgspec


class Sizes(msgspec.Struct, frozen=True):
    """The sizes of one run; the defaults are those of the published figures."""

    #: Frames of the saturated run.
    saturated: int = 100_000
    #: Frames of each gateway where several are saturated at once, how many are, and turns of each kind of projection.
    several: int = 30_000
    several_gateways: tuple[int, ...] = (1, 2)
    several_turns: int = 3
    #: Frames that each of two gateways offers, and how many a second.
    several_offered: int = 5_000
    several_rate: int = 500
    #: Frames or events of every other load that takes long.
    load: int = 100_000
    #: Frames offered, by frames a second.
    offered: dict[int, int] = msgspec.field(default_factory=lambda: {2000: 20_000, 5000: 50_000})
    #: Frames of the run that tells of breaks, and how many are offered a second.
    told: int = 12_000
    told_rate: int = 1_000
    #: Events appended, by events a commit.
    appended: dict[int, int] = msgspec.field(default_factory=lambda: {1000: 50_000, 100: 30_000, 1: 1_000})
    #: Connections that commit at once, and how often each commits.
    committers: tuple[int, ...] = (16, 64)
    commits: int = 100
    #: Messages that the peers write in batches, one by one, and follow.
    peers_batched: int = 30_000
    peers_single: int = 1_000
    peers_followed: int = 1_500
    #: Short measurements are repeated this many times, and the median counts.
    repeats: int = 3
    #: Events folded in small steps: the openings of their units take a good third of that.
    stepped: int = 60_000
    #: Events that are handed over, and read back.
    handed: int = 20_000
    #: Events of one long log, accounts of several logs with their events, and idle gateways beside a stream.
    flat_events: int = 1_000_000
    flat_accounts: tuple[int, ...] = (1, 100, 1_000)
    flat_account_events: int = 200_000
    flat_idle: tuple[int, ...] = (0, 10, 50, 200)
    flat_frames: int = 10_000
    flat_rate: int = 500
    #: Turns of comparing with and without: in the first one comes first, in the second the other.
    turns: int = 5
    #: Accounts, frames a second, and for how many seconds.
    capacity: tuple[tuple[int, int, int], ...] = (
        (8, 1, 60), (8, 10, 60), (8, 100, 40), (50, 100, 40), (200, 100, 60), (8, 500, 40), (50, 500, 60),
    )  # fmt: skip
    #: Rows of the page's longest list.
    listed: int = 1_000
    #: Entries of the books that are asked for at a past time.
    entries: int = 10_000_000
    #: Events of the logs after which something of long ago is told.
    late: tuple[int, ...] = (50_000, 200_000)
    #: Rows of the reports: the first two of workbooks, which take long, the last two of the others.
    reported: tuple[int, int, int] = (100_000, 1_000_000, 10_000_000)
    #: Rows of the hostile loads.
    linear: tuple[int, ...] = (1_000, 4_000, 16_000)


#: Shows that everything runs, and measures nothing. The offered load outlasts the second that is not counted.
TINY: Final = Sizes(
    saturated=600,
    several=600,
    several_gateways=(2,),
    several_turns=1,
    several_offered=600,
    several_rate=600,
    load=600,
    offered={400: 800},
    told=4_000,
    told_rate=400,
    appended={1000: 200, 100: 200, 1: 20},
    committers=(2,),
    commits=5,
    peers_batched=200,
    peers_single=20,
    peers_followed=50,
    repeats=1,
    turns=1,
    handed=40,
    stepped=400,
    flat_events=400,
    flat_accounts=(1, 3),
    flat_account_events=400,
    flat_idle=(0, 2),
    flat_frames=200,
    flat_rate=200,
    capacity=((2, 100, 4),),
    listed=10,
    entries=20_000,
    late=(400, 800),
    reported=(100, 200, 400),
    linear=(8, 32),
)
