"""The EMS protocol as pure values: no socket, no clock, no log (protocol 3 to 16).

Begin with `decode.decode`, from the bytes of a frame to a message, and `messages`, which lists all messages.

* `session`: the frames of one session become records.
* `decode`, `rows`, `fields`: a message, its rows, and the fields of a row that would not decode at once.
* `symbols`, `timestamps`: identifiers and times.
* `rest_requests`: requests, responses, and how the log stores them; `rest_paths`: the paths of requests.
* `rest_history`, `rest_snapshots`: the rows of responses; `rest_body`, `json_body`: bodies, bounded and storable.
"""
