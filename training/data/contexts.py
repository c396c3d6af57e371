"""Contexts: evidence behind the sentence; the rule is `kc_schema.contexts`, which exports share."""

from __future__ import annotations

from kc_schema.contexts import STOP_BELOW, Packed, context_text, pack

__all__ = ["STOP_BELOW", "Packed", "context_text", "pack"]
