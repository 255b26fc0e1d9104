"""The keys of the page: one list, which binds them, shows them, and is tested. Pure."""

from __future__ import annotations

from typing import Final

import msgspec


class Key(msgspec.Struct, frozen=True):
    """A key, or two after each other, and what it does, in words.

    `kind` and `target`: `open` an address; `click` or `focus` what has this `data-key-target`; `step` through rows;
    `form` opens the form of this name; `view` opens the saved view of this number. `undo` takes back what was typed and
    selected; where nothing was, it follows the way to undo the decision that was just taken.
    """

    keys: str
    does: str
    kind: str
    target: str = ""


#: What works on each screen; the screens' own letters after `g` are added from their list.
KEYS: Final[tuple[Key, ...]] = (
    Key("?", "keys", "click", "keys"),
    Key("/", "search", "focus", "search"),
    Key("F", "filter: focus the first field", "focus", "filter"),
    Key("j", "next row", "step", "1"),
    Key("k", "previous row", "step", "-1"),
    Key("Enter", "open row", "row", "open"),
    Key("o", "open row", "row", "open"),
    Key("x", "select row; Shift+x from there to here", "row", "select"),
    Key("a", "assign (me is the default)", "form", "assign"),
    Key("i", "investigate", "form", "investigate"),
    Key("c", "comment", "form", "comment"),
    Key("p", "propose", "form", "propose"),
    Key("y", "approve; asks, and shows the digest", "form", "approve"),
    Key("n", "reject, with a reason", "form", "reject"),
    Key("e", "accept until …", "form", "accept"),
    Key("r", "reopen, with a reason", "form", "reopen"),
    Key("u", "undo what is not yet sent; after a decision, its undoing", "undo"),
    Key("t", "as of …", "form", "as-of"),
    Key(".", "back to now", "click", "now"),
    Key("s", "copy as SQL", "click", "sql"),
    Key("v", "views that are saved in this browser", "click", "saved"),
    Key("l", "copy link", "copy", "link"),
    Key("[", "earlier (chart, day)", "click", "earlier"),
    Key("]", "later (chart, day)", "click", "later"),
    Key("1", "saved view, 1 to 6", "view", "1"),
    Key("Esc", "close, leave field, clear selection", "leave"),
    Key("Ctrl+Enter", "send the form", "send"),
)
