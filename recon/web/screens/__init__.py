"""The screens of the page, one file each; a new one is imported and listed here.

The order is that of the top bar, and of the routes: a fixed path stands before one with parts.
"""

from __future__ import annotations

from typing import Final

from recon.web.screen import Deed, Screen
from recon.web.screens import (
    alerts,
    alerts_why,
    breaks,
    bulk_deeds,
    case,
    case_deeds,
    close,
    coverage,
    log,
    overview,
    rules,
    search,
    unit,
    units,
)

SCREENS: Final[tuple[Screen, ...]] = (
    overview.SCREEN,
    breaks.SCREEN,
    case.SCREEN,
    units.SCREEN,
    unit.SCREEN,
    coverage.SCREEN,
    log.SCREEN,
    log.EVENT,
    alerts_why.SCREEN,
    alerts.SCREEN,
    close.SCREEN,
    close.DAY,
    rules.SCREEN,
    search.SCREEN,
)
DEEDS: Final[tuple[Deed, ...]] = (*case_deeds.DEEDS, *alerts.DEEDS, *close.DEEDS, *rules.DEEDS, *bulk_deeds.DEEDS)
