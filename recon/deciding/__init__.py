"""What people decide on breaks, whichever way they come: by a command or over HTTP.

`selection` finds the breaks that a step is for, `steps` makes the decisions of a step and tells its outcome,
`proposals` makes and finds proposals, and `recording` appends decisions as the person's own login.
"""
