"""The data of the project, described once: the only package that the pipelines and the training share."""

from kc_schema.interrupts import quiet_interrupts

quiet_interrupts()
