"""An EMS gateway that lives by the protocol, with its own venue, its own exact books and faults on demand.

Everything but `server`, `http` and `run` is pure: (plan, seed, simulated time) decide every byte that is sent.
It shares nothing with the engine that it tests but the decimals and the error tree.
"""
