"""The reports that there are, one file for each kind of noun. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from recon.reports.catalogue.activity import FILLS, MOVEMENTS
from recon.reports.catalogue.breaks import BREAKS
from recon.reports.catalogue.closings import CLOSE
from recon.reports.catalogue.money import FEES, PNL
from recon.reports.catalogue.units import BALANCES, POSITIONS
from recon.reports.model import Report

REPORTS: Final[Mapping[str, Report]] = {
    each.name: each for each in (POSITIONS, BALANCES, BREAKS, MOVEMENTS, FILLS, FEES, PNL, CLOSE)
}
