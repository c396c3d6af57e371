"""From a data set and the corpora to a retrieval cache: sources of evidence, their order, their report."""
