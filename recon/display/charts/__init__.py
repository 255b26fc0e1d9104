"""Charts as inline SVG: pure functions of what is known, with classes and no style of their own (ux 10).

1. Each chart has a title that says the finding; the same figures stand in a table beside it.
2. Quantities stay decimals; only the result of a scale is a whole number of pixels. No float touches them.
"""
