"""What a service refuses, where callers tell one reason from another. All are ``ValidationError`` with a text.

The ``code`` of a ``ValidationError`` is the argument that is wrong, so that a form can say it at its field.
"""

from __future__ import annotations

from django.core.exceptions import ValidationError


class WrongName(ValidationError):
    def __init__(self, message: str, code: str = "name") -> None:
        super().__init__(message, code)


class InvalidName(WrongName):
    """No repository or repository group may have this name."""


class NameTaken(WrongName):
    """A repository, a repository group or a folder of this name exists."""


class HasForks(ValidationError):
    """The repository cannot be deleted while it has forks that are neither detached nor deleted."""


class NotEmpty(ValidationError):
    """The repository group still contains something."""
