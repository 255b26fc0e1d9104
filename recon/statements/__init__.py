"""Statements of venues and custodians: files read into facts by a mapping, row by row (semantics 10.3)."""
