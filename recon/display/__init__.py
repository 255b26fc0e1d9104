"""How recon writes figures, times, ids and states for people: one pure function for each kind.

Terminal and page use the same functions, so a number that stands on two screens is the same text.
"""
