"""Everything that runs before training: dumps to corpora, corpora to retrieval caches."""
