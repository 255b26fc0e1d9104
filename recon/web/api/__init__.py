"""The read API: the public views as JSON, for programs. Nothing here writes.

`resources` lists what there is, `paging` cuts it into pages by key, `values` writes cells, `openapi` describes it,
and `reading` answers requests.
"""
