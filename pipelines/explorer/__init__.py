"""A corpus, a cache and a run to be looked at in a browser."""
