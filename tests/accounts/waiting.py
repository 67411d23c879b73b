"""What goes on beside a request."""

import threading

from accounts import mail


def wait_for_mail():
    """Until what was to be sent is sent."""
    for thread in threading.enumerate():
        if thread.name == mail.THREAD:
            thread.join(timeout=120)
