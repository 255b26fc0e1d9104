"""What recon serves over HTTP, on Trio: one endpoint by which a person acts on breaks.

`server` listens, `app` turns requests into answers, `identity` says who asks, `messages` what they ask, and `acting`
does it by the person's own database login. Nothing but a POST changes anything.
"""
