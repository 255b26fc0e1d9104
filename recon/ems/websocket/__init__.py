"""Listening to a gateway over its WebSocket: connect, record, reconnect, fail back.

Begin with `consumer.consume`, which keeps one session open and hands records to its caller.

* `endpoint`: a gateway with every bound; `status`: the listener's state.
* `connection`: one WebSocket connection from dial to end; `stream`: its stream and its sink for messages.
* `failback`: the checks beside an open session, which end it for a better site.
"""
