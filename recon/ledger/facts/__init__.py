"""External facts: their content, the entries and fills they match, and the index for a batch. Pure."""
