"""An inverted index with block-max pruning on flat arrays: exact BM25 over short sentences, fast at any size.

Eight sentences, one after the other in the corpus, make a block. Of every word and block that holds it the index
keeps an upper bound of what the word can add to a score there; a search adds up the bounds of its words for all
blocks and scores only the sentences of blocks whose sum can still reach the best ones (Mallia, Suel, Tonellotto:
Faster Learned Sparse Retrieval with Block-Max Pruning, SIGIR 2024). See docs/elasticsearch.md for the files.
"""
