"""Planted knowledge: invented examples and corpora on which every part of training can be seen to work."""
