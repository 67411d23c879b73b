"""``/_admin/health``: whether this process can do its work, for load balancers and whoever waits for a start."""

import logging
import os

from django.conf import settings
from django.db import DatabaseError, connection
from django.http import HttpRequest, HttpResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

log = logging.getLogger(__name__)


@never_cache
@require_safe
def health(request: HttpRequest) -> HttpResponse:
    """200 ``ok`` or 503 ``unavailable``. The reason is for the log and not for strangers."""
    reason = problem()
    if reason is not None:
        log.error("not healthy: %s", reason)
    return HttpResponse(
        "unavailable\n" if reason else "ok\n", status=503 if reason else 200, content_type="text/plain; charset=utf-8"
    )


def problem() -> str | None:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError as error:
        return f"database: {error}"
    if not os.access(settings.REPOSITORIES_ROOT, os.R_OK | os.W_OK | os.X_OK):
        return f"repositories root {settings.REPOSITORIES_ROOT} is missing or cannot be written"
    return None
