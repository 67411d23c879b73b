"""What can be done with people: each function checks the actor, writes in one transaction and makes one journal entry.

Errors: ``PermissionDenied`` when the actor may not, ``ValidationError`` with a dict of fields when a value is not
possible (code ``unique`` when it is taken).
"""
