"""The task models: encoder, linear-chain CRF, tagger, relation classifier, cross-view alignment."""
