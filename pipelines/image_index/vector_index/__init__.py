"""Vectors into a Faiss index: which one, filled in shards, merged, and tuned until recall is met."""
