"""Trains retrieval-augmented entity and relation models from retrieval caches."""

from kc_schema.interrupts import quiet_interrupts

quiet_interrupts()
