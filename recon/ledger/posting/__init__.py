"""From fills, openings and fees to entries. Pure.

Only modules of this package decide what a fill moves; `units.post` records the posting.
"""
