"""Telling that recon itself does not see: `conditions` finds it, `decide` says when it is told, `store` keeps it.

1. `facts` are read from the database alone, so every instance of the service comes to the same conclusions.
2. A condition is told once it has lasted for its own wait, and that it is over only to whoever was told of it.
3. What was told is stored in the transaction that queues the alert, so a crash neither repeats nor forgets one.
4. `alert` is what receivers read, and `watchdog` the message that comes even when all is well.
"""
