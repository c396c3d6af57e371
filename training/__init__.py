"""Trains retrieval-augmented entity and relation models from retrieval caches."""
