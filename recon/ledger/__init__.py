"""The books: what we expect to hold, folded from the log. Pure files hold nouns and rules; schema and store are SQL."""
