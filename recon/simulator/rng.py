"""Seeded random numbers: the only source of chance in the simulator.

Every actor has its own stream, named after its purpose. So a new fault or account does not change the draws of the
others.
"""

from __future__ import annotations

from random import Random  # noqa: TID251  # the simulator's chance, always seeded

_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"

Dice = Random


def stream(seed: int, *names: str) -> Dice:
    """Return the stream of this name; the same seed and names always draw the same numbers."""
    return Random("/".join((str(seed), *names)))  # noqa: S311  # a simulation, not a secret


def guid(dice: Dice) -> str:
    """Return a drawn identifier in the form of a random UUID."""
    digits = f"{dice.getrandbits(128):032x}"
    variant = "89ab"[dice.randrange(4)]
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-{variant}{digits[17:20]}-{digits[20:]}"


def code(dice: Dice, length: int) -> str:
    """Return a drawn identifier in the form of a venue's order ids."""
    return "".join(dice.choices(_ALPHABET, k=length))
