"""Images of the archives into vectors, by any network, fed ahead by worker processes."""
