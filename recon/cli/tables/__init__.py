"""Tables: a few columns that fit a terminal, all of them in a pipe, and a block for each record where none fit."""
