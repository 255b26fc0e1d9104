"""The table of costs, bounds and constants of the comparison. Pure (semantics 5).

1. A cost is an integer, in tenths of a bit: 10 halves how likely an explanation is before the reports are seen.
2. Windows are settlement windows of the account; times are microseconds; rates are in units of 1e-7 of turnover.
"""

from __future__ import annotations

from typing import Final

from recon.ledger.fees.rate_table import AlternativeKind

# -- what an edge between two reports may cost

#: A break: about once in 2**30 edges, before the digits of its amount are counted.
JUMP: Final = 300
#: A jump right after the first report, which may be from before.
OPENING_JUMP: Final = 120
#: A fee at no known rate: rarer than any error of a cut, more usual than a break.
NOVEL: Final = 200
#: A report that is wrong or older than the last: less than two jumps that undo each other, more than `NOVEL`.
PASSED_OVER: Final = 260
#: A rate that is not known yet: any fee fits, so two bits more than a wrong cut may save.
UNKNOWN: Final = 20
#: A fill whose amount the books could not work out moved something within its bound.
UNMODELLED: Final = 60
#: A fill paid another rate, by why it may have: its class had that rate, it is the taker's, the class mixes both.
OTHER_RATE: Final[dict[AlternativeKind, int]] = {"same_class": 50, "taker": 90, "mixed": 25}
#: Some fills paid other known rates, in more ways than are worth telling apart.
MANY_WAYS: Final = 150
#: The last fills of an edge paid the rate of the tier that begins after them.
TIER: Final = 100
#: A fee at no rate of its key, but at the one that a like key of the account has changed to: tiers change together.
MOVED: Final = 100
#: Roundings leave something over, as far as chance has them add up.
ROUNDED: Final = 1
#: Roundings add up to more than chance has them do.
FAR: Final = 40

# -- what a state may cost

#: A whole window in which the report ought to have known of an entry: eight bits.
LAG: Final = 80
#: An entry is in the report though its stamp is after it.
FUTURE: Final = 60
#: Each reading of a report after the plain one.
READING: Final = 30
#: Two entries changed places, and a window between their arrivals.
SWAP: Final = 10
SWAP_WINDOW: Final = 100
#: Most that all changes of places may cost.
DEAREST_SWAPS: Final = 130
#: At the oldest report kept, another cut than the one that was final: as much as a jump at the opening.
REOPENED: Final = 120

# -- bounds of the search

#: States dearer than the cheapest by more are dropped: no later report favours them so much.
BEAM: Final = JUMP + 120
#: Most states of a column.
MAX_STATES: Final = 32
#: Where more states than this were found, fewer are kept: time and what is stored stay bounded in a flood.
MANY_STATES: Final = 64
CROWDED_STATES: Final = 8
#: With more cuts than this a report is crowded: those that fit what came before are tried, and a few near it in time.
CROWDED: Final = 24
NEAR_CUTS: Final = 4
#: Of states that differ in nothing but how many entries are in, the one with the fewest stays, unless it is dearer by
#: more than this: one bit.
ALIKE: Final = 10
#: Most cuts of a report that are tried: those nearest in time, more of them before it than after it.
MAX_CUTS_BEFORE: Final = 192
MAX_CUTS_AFTER: Final = 64
#: Most sets of entries that are tried at a report where the order of entries is not known.
MAX_SETS: Final = 160
#: Where more entries than this may be in a report, a quarter of these sets is tried, for the time that it takes.
CROWD: Final = 16
#: Where more reports of a unit than this come within a window, only the last one of each so-manieth part of a window is
#: compared, and no other order of entries is tried: time and what is stored stay bounded.
FLOOD: Final = 64
#: Of reports of a unit that say just what is booked, the last one of each so-manieth part of a window is compared.
SLICES: Final = 8
#: Lead from which on two exact steps in a row settle what was before them.
SURE: Final = 45
#: Rise of cost from which on more is tried: other orders of entries, a report passed over.
WIDE: Final = 40
#: Most states that a report passed over is tried from.
PASSED_FROM: Final = 8
#: Most fills of an edge that may pay other rates, most that do, and most sums of their differences.
MAX_ALTERNATIVES: Final = 24
MAX_OTHER_RATES: Final = 6
MAX_SUMS: Final = 3000
#: Where a step is settled early, what its entries moved is so many times its slack at least.
CLEAR_MOVE: Final = 8
#: The quick path is taken where no other cut fits within so many times its slack.
NEAR_FIT: Final = 4

# -- rates, in units of 1e-7 of turnover

#: Highest rate of a fee (0.6 %), and highest rebate.
MAX_RATE: Final = 60_000
#: A rebate is learnt up to this part of the greatest fee.
REBATE_PART: Final = 4
#: A fee in a third asset is known within this share of itself, for its price is only about known.
THIRD_SHARE: Final = 50
#: So many edges that need another rate of a key say that its class mixes rates.
MIXED_AFTER: Final = 3

# -- times, in windows

#: Until a state is final.
HOLD: Final = 4
#: Until an opening is final, in holds, and where another one costs less than `SURE` more.
OPENING_HOLDS: Final = 2
DISPUTED_HOLDS: Final = 8
#: Until a fee at no known rate is a break, at the earliest and at the latest; between, later fills decide.
SUSPENSE: Final = 60
MAX_SUSPENSE: Final = 3600
#: Until a fee at no known rate is forgotten.
MAX_PARKED: Final = 24 * MAX_SUSPENSE
#: A jump so near to a fee at no known rate waits twice as long: the path may be wrong there.
NEAR_NOVEL: Final = 20
#: A unit that is usually reported within so many windows is waited for before silence decides.
MAX_GAP: Final = 12

# -- what later fills say of a fee at no known rate

#: So many fills of its key that came later and adopted no rate: it is no new tier.
REFUTED_FILLS: Final = 6
#: So many exact steps of the unit at rates from before it: no tier has changed.
REFUTED_STEPS: Final = 3
#: A new tier's rate has so many decimals at most.
MAX_DECIMALS: Final = 5
#: So many final steps that paid the key's old rate: one may be an accident of sizes and rates.
REFUTED_PAID: Final = 2
#: Exact steps over entries after an opening that make it sure.
CONFIRMED: Final = 3

# -- what is kept

#: Most fees at no known rate of a unit that are remembered when their columns are forgotten.
MAX_PARKED_EDGES: Final = 32
#: How long final columns are kept while the account has odd edges, in microseconds: samples of rates lie there.
KEEP_US: Final = 150_000_000
#: Of a unit with more entries than this since then, what holds the latest ones: many samples lie there, too.
KEEP_ENTRIES: Final = 2048
#: How long they are kept otherwise, and at least, in holds.
KEEP_HOLDS: Final = 2
#: Fewer columns than this are not worth dropping while the unit is busy.
MIN_DROP: Final = 8
#: A busy unit forgets this part of its columns at least: so each is renumbered a few times, and a third more than is
#: needed is kept at most.
DROP_PART: Final = 4
#: Most fills whose fee may be taken in an asset that no fill moved yet.
MAX_SHADOWED_FILLS: Final = 64

#: Most entries of a unit that no report speaks of. Of more, this many of the oldest become one, which bears their sums.
MAX_UNREPORTED: Final = 1024
MERGED: Final = 512

# -- other

#: The comparison advances at multiples of this log time, in microseconds; rates are adopted nowhere else.
STEP_US: Final = 100_000
#: Before every time.
LONG_AGO: Final = -(1 << 62)
#: After every time.
NEVER: Final = 1 << 62
#: More than any entry can have moved, in units of 1e-40.
UNBOUNDED: Final = 1 << 400
