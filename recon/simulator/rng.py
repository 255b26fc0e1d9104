"""Seeded chance: the one place where the simulator draws from.

Every actor has a stream of its own, named by what it is for, so that adding a fault or an account does not
change what the others draw.
"""

from __future__ import annotations

from random import Random  # noqa: TID251  # the simulator's chance, always seeded

_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"

Dice = Random


def stream(seed: int, *names: str) -> Dice:
    """Return the stream of this name: the same seed and names always draw the same."""
    return Random("/".join((str(seed), *names)))  # noqa: S311  # a simulation, not a secret


def guid(dice: Dice) -> str:
    """Draw an identifier in the form of a random UUID."""
    digits = f"{dice.getrandbits(128):032x}"
    variant = "89ab"[dice.randrange(4)]
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-{variant}{digits[17:20]}-{digits[20:]}"


def code(dice: Dice, length: int) -> str:
    """Draw an identifier in the form that venues give their orders."""
    return "".join(dice.choices(_ALPHABET, k=length))
