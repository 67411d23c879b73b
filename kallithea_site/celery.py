"""The Celery application: ``celery -A kallithea_site worker``. Needed only where CELERY_BROKER_URL is set."""

import os
from typing import Any

from celery import Celery
from celery.signals import worker_ready

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "kallithea_site.settings")

app = Celery("kallithea")
app.set_default()  # for every thread
app.config_from_object("django.conf:settings", namespace="CELERY")
if app.conf.task_always_eager:
    app.conf.broker_url = "memory://localhost/"  # is asked for even when tasks run at once
app.autodiscover_tasks()


@worker_ready.connect  # type: ignore[untyped-decorator]
def take_over(**_: Any) -> None:
    """What a worker was at when it died: not every broker hands that on soon."""
    from django.db import connections

    from repos.services import jobs

    jobs.resume()
    connections.close_all()  # this process only starts others
