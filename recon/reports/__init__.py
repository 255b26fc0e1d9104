"""Reports: what the books hold, as files that other programs and people take away.

1. `model` and `catalogue` describe each report: its columns with their types, in the order that they always have.
2. `formats` write rows of such columns; they know nothing of databases. `destination` is where a file appears, whole.
3. `reading` asks the public views, by a cursor of the server, so that memory does not grow with the rows.

Every number of a report is exact in every format, or says that it is not and has its exact text beside it.
"""
