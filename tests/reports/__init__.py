"""Reports: their descriptions, formats, files, and reading."""
