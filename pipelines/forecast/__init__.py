"""What a build will take, from a small sample of what it will read."""

from __future__ import annotations
