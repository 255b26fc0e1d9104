"""A case as people read it: its breaks in full, what can be done next, and the one text of terminal and page.

`read_case` reads it, `case_text` writes it down (pure), `document` gives one break of it to a program.
"""
