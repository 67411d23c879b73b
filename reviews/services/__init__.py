"""What can be done with pull requests, comments and votes.

Errors that people may read: ``PermissionDenied`` where the right is missing, ``ValidationError`` for everything else.
"""
