"""How the log is read for one folding: where its pages come from, and how each event is decoded."""

from __future__ import annotations

from typing import Final, NamedTuple

from recon.log.handover import Handover
from recon.log.read import Pages, page
from recon.projection.fold import EventDecoder, decode_event


class Reading(NamedTuple):
    """`pages` reads the live log, or an archive before it; `decode` an event, under other rules as a what-if asks.

    `handover` has what the recorder of this process appended last; None where nothing is handed over.
    """

    pages: Pages = page
    decode: EventDecoder = decode_event
    handover: Handover | None = None


#: The live log as it is.
LIVE: Final = Reading()
