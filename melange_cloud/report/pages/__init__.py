"""One module per page or part of a page: domain nouns go in, blocks come out."""
