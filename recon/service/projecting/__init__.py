"""A process for the projection of one gateway, so that folding never keeps a recorder from its session.

`remote` is the projector as the service sees it; `child` is the process, which has the projector of
`recon.projection.projector` run. They speak in lines of JSON over its standard input and output (`messages`).

1. The log and the checkpoint are the truth. What is said here are hints and figures, so a process that is killed at any
   moment loses nothing, and another one goes on from the checkpoint.
2. It ends with its parent: its input ends then. Signals that stop the service as a whole leave it alone, because the
   parent still has the last events folded.
3. The login of the database and the secrets of the settings come as its first line: no argument and no environment
   names them.
"""
