# SPDX-License-Identifier: GPL-2.0-or-later
"""The part that runs inside Mercurial's own process; the Django process never imports it.

``command.py`` is loaded by ``hg`` as an extension and answers one request a call; the other modules hold the
operations. Paths and texts are bytes here, as everywhere in Mercurial.
"""
