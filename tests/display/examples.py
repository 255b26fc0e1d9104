"""One table of examples for all formats (ux 6, 7): terminal and page are tested with the same."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Final

D = Decimal
NOW: Final = datetime(2026, 11, 28, 19, 33, 19, 123456, UTC)

#: (value, scale of its unit, signed, text, raw text)
FIGURES: Final = [
    (D("201.159"), 3, False, "201.159", "201.159"),
    (D("200.9590000"), 3, False, "200.959", "200.9590000"),
    (D("0.20000000"), 3, True, "+0.200", "0.20000000"),
    (D("-600.008"), 5, True, "-600.00800", "-600.008"),
    (D("-600.008"), 5, False, "-600.00800", "-600.008"),
    (D("1237914.30862"), 5, False, "1,237,914.30862", "1237914.30862"),
    (D("0E-8"), 8, True, "0", "0.00000000"),
    (D("-0.00"), 2, True, "0", "0.00"),
    (D("1000"), 0, True, "+1,000", "1000"),
    (D("1E+3"), 0, False, "1,000", "1000"),
    (D("1E+3"), 2, False, "1,000.00", "1000"),
    (D("3.713E-9"), 12, True, "+0.000000003713", "0.000000003713"),
    (D("0.123456"), 2, False, "0.123456", "0.123456"),  # no digit is lost
    (D(999), 0, False, "999", "999"),
    (D("123456789012345678901234567890.12345678901234567890"), 20, False,
     "123,456,789,012,345,678,901,234,567,890.12345678901234567890",
     "123456789012345678901234567890.12345678901234567890"),
    (D("1E-40"), 40, False, "0." + "0" * 39 + "1", "0." + "0" * 39 + "1"),
    (D("-1E+40"), 0, True, "-10" + ",000" * 13, "-1" + "0" * 40),
    (7, 2, False, "7.00", "7"),
    (0, 2, False, "0", "0"),
    (None, 5, True, "-", "-"),
]  # fmt: skip
#: (values of one unit, the scale that they need)
SCALES: Final = [
    ([D("201.15900"), D("200.959"), D("0.2")], 3),
    ([D("14"), D("14.00000270674")], 11),
    ([D("100"), D("0E-8"), None], 0),
    ([D("1E+3")], 0),
    ([D("1.50E-9")], 10),
    ([], 0),
    ([None], 0),
]
#: (USD, signed, figure, in a sentence)
WORTHS: Final = [
    (D("1202.64"), False, "1,202.64", "1,202.64 USD"),
    (D("602.45123"), True, "+602.45", "+602.45 USD"),
    (D("-2259.186"), True, "-2,259.19", "-2,259.19 USD"),
    (D("0"), True, "0", "0 USD"),
    (D("15061.2"), False, "15,061.20", "15,061.20 USD"),
    (D("0.004"), False, "<0.01", "<0.01 USD"),
    (D("-0.004"), True, "-<0.01", "-<0.01 USD"),
    (D("0.005"), False, "<0.01", "<0.01 USD"),
    (D("1E+60"), False, "1" + ",000" * 20 + ".00", "1" + ",000" * 20 + ".00 USD"),
    (None, False, "unknown", "worth unknown"),
]
#: (per cent, text)
SHARES: Final = [
    (D("84.95"), "84.9 %"),
    (D("100"), "100 %"),
    (D("99.999"), "99.9 %"),
    (D("0"), "0 %"),
    (D("0.04"), "0 %"),
    (D("12.00"), "12.0 %"),
    (None, "-"),
]
#: (length, one unit, two units)
AGES: Final = [
    (timedelta(milliseconds=999), "<1 s", "<1 s"),
    (timedelta(0), "<1 s", "<1 s"),
    (timedelta(seconds=-5), "<1 s", "<1 s"),
    (timedelta(seconds=24, milliseconds=999), "24 s", "24 s"),
    (timedelta(seconds=60), "1 m", "1 m"),
    (timedelta(minutes=4, seconds=59), "4 m", "4 m 59 s"),
    (timedelta(hours=1, minutes=4), "1 h", "1 h 4 m"),
    (timedelta(hours=1, seconds=4), "1 h", "1 h"),
    (timedelta(hours=23, minutes=59), "23 h", "23 h 59 m"),
    (timedelta(days=2, hours=3), "2 d", "2 d 3 h"),
    (timedelta(days=1000), "1000 d", "1000 d"),
    (None, "-", "-"),
]
#: (length, text)
DURATIONS: Final = [
    (timedelta(seconds=3, milliseconds=999), "3.9 s"),
    (timedelta(seconds=5), "5.0 s"),
    (timedelta(milliseconds=30), "<0.1 s"),
    (timedelta(0), "0 s"),
    (timedelta(seconds=10, milliseconds=900), "10 s"),
    (timedelta(seconds=70), "1 m 10 s"),
    (timedelta(hours=5), "5 h"),
    (timedelta(seconds=-4), "-4.0 s"),
    (None, "-"),
]
#: (length, text)
SKEWS: Final = [
    (timedelta(milliseconds=-12), "-12 ms"),
    (timedelta(milliseconds=3), "+3 ms"),
    (timedelta(seconds=3, milliseconds=250), "+3.2 s"),
    (timedelta(microseconds=-10), "<1 ms"),
    (timedelta(0), "0 ms"),
    (None, "-"),
]
#: (time, today or none, exact, text)
TIMES: Final = [
    (NOW, NOW, False, "19:33:19"),
    (NOW, NOW, True, "19:33:19.123"),
    (NOW - timedelta(days=1), NOW, False, "2026-11-27 19:33:19"),
    (NOW, None, True, "2026-11-28 19:33:19.123"),
    (None, NOW, False, "-"),
]
#: (ids shown, ids known besides, their beginnings)
IDS: Final = [
    (["3d9eecab1111", "34fbe5b8222"], [], ["3d9eecab", "34fbe5b8"]),
    (["3d9eecab1111", "3d9eecab1222"], [], ["3d9eecab11", "3d9eecab12"]),
    (["3d9eecab1111"], ["3d9eecab1112"], ["3d9eecab1111"]),
    (["abc"], [], ["abc"]),
    (["3d9eecab1111", "3d9eecab1111"], [], ["3d9eecab", "3d9eecab"]),
    (["aaaaaaaaaa", "aaaaaaaaaab"], [], ["aaaaaaaaaa", "aaaaaaaaaab"]),
    ([], ["3d9eecab1112"], []),
    (["gateway.down", "event-1234567"], [], ["gateway.down", "event-1234567"]),
]
#: (word, glyph, without UTF-8, class on the page, tone)
STATES: Final = [
    ("break", "◆", "!", "st-break", "bad"),
    ("open", "◆", "!", "st-break", "bad"),
    ("pending", "◐", "?", "st-pending", "wait"),
    ("proposed", "◐", "?", "st-pending", "wait"),
    ("stale", "▒", "~", "st-stale", "stale"),
    ("gap", "▒", "~", "st-stale", "stale"),
    ("agreed", "✓", "=", "st-agreed", "text"),
    ("covered", "✓", "=", "st-agreed", "text"),
    ("whole", "✓", "=", "st-agreed", "text"),
    ("connected", "✓", "=", "st-agreed", "text"),
    ("unobserved", "○", "o", "st-unobserved", "muted"),
    ("unmodelled", "□", "[]", "st-unmodelled", "muted"),
    ("investigating", "▶", ">", "st-work", "accent"),
    ("failed", "✗", "x", "st-bad", "bad"),
    ("missed_fill", "", "", "", "text"),
]
