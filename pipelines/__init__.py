"""Everything that runs before training: dumps to corpora, corpora to retrieval caches."""

from kc_schema.interrupts import quiet_interrupts

quiet_interrupts()
