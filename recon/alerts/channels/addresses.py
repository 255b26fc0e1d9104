"""Which addresses are public: everything that the internet routes, and nothing that leads back to a network of ours.

Pure.
"""

from __future__ import annotations

import ipaddress
from typing import Final, TypeAlias

_Ip: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address

#: Prefixes of IPv6 whose last 32 bits are an address of IPv4 behind a translator (RFC 6052, RFC 8215).
_TRANSLATED: Final = (ipaddress.IPv6Network("64:ff9b::/96"), ipaddress.IPv6Network("64:ff9b:1::/48"))


def is_public(text: str) -> bool:
    """True if an address is one of the internet, whichever way IPv6 carries it; False for what is no address."""
    found = _parsed(text)
    return found is not None and found.is_global and not found.is_multicast


def is_loopback(text: str) -> bool:
    """True if an address is this machine's own."""
    found = _parsed(text)
    return found is not None and found.is_loopback


def _parsed(text: str) -> _Ip | None:
    try:
        found: _Ip = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return _carried(found) if isinstance(found, ipaddress.IPv6Address) else found


def _carried(found: ipaddress.IPv6Address) -> _Ip:
    """Return the address of IPv4 that one of IPv6 stands for; itself if it stands for none."""
    if found.ipv4_mapped is not None:
        return found.ipv4_mapped
    if found.sixtofour is not None:
        return found.sixtofour
    if found.teredo is not None:
        return found.teredo[1]
    if any(found in network for network in _TRANSLATED):
        return ipaddress.IPv4Address(int(found) & 0xFFFFFFFF)
    return found
