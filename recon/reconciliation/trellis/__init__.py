"""The comparison of reports with the books: a trellis over what each report may hold. Pure."""
