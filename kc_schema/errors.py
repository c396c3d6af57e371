"""The base of every error that is meant for the person who runs a command."""

from __future__ import annotations

__all__ = ["UsageError", "UserError"]


class UserError(Exception):
    """Something that the user can mend; the message is one line: the input, the place in it, what to do.

    Commands print the message and end with status 1.
    """


class UsageError(UserError):
    """Options or a configuration that do not fit together; commands end with status 2."""
