"""What recon serves over HTTP, on Trio: the page for people, and one endpoint by which programs act for them.

`server` listens, and `serving` puts together what it serves. Nothing but a POST changes anything.

* The endpoint: `app` turns requests into answers, `identity` says who asks, `messages` what they ask, and `acting`
  does it by the person's own database login.
* The page: `page` takes the requests that `guard` lets in, `viewers` says who looks, `login` and `sessions` keep the
  one connection of each person, `writer` and `rendering` write HTML, `live` tells what changed, and `doing` does what
  a form asks. A screen is one file in `screens` and one in `templates`.
"""
