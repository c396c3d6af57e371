"""Reports: one page, whole in itself, of a snapshot or of a retrieval cache."""
