"""The boundary to Git and Mercurial.

Nothing here knows Django. Callers hand in a path and get frozen values back; :func:`open_repository` is the door.
"""
