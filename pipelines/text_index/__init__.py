"""BM25 over the sentences: the embedded index and Elasticsearch behind one protocol."""
