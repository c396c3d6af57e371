"""Entities and their names: who is called what, and how often (see docs/entities.md)."""
