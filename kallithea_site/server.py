"""How gunicorn serves the site: its configuration, read as ``--config python:kallithea_site.server``."""

from __future__ import annotations

import gc
import logging
import re
from datetime import timedelta
from threading import Timer
from typing import Any

from gunicorn.glogging import Logger

from kallithea_site import settings

worker_class = "gthread"
workers = settings.WEB_WORKERS
threads = settings.WEB_THREADS
max_requests = settings.WEB_MAX_REQUESTS
max_requests_jitter = max_requests // 10
timeout = (
    120  # without a sign of life from a worker; a request may take longer, its thread is not the one that shows it
)
graceful_timeout = 30
keepalive = 5
# Workers load the program themselves: what runs threads and helper processes is never forked.
preload_app = False
control_socket_disable = True
# Who may say where a request comes from is decided in one place, by TRUSTED_PROXIES.
forwarded_allow_ips = ""
limit_request_line = 8190
limit_request_fields = 1000  # hg names the heads of a repository in headers, 25 in each
accesslog = "-" if settings.ACCESS_LOG else None
# No query string and no referrer: ?api_key= must never be written down.
access_log_format = '%(h)s %(t)s "%(m)s %(U)s" %(s)s %(B)s %(M)sms'

_QUERY = re.compile(r"\?[^\s'\"]*")
_RESET = re.compile(r"(/password_reset)/.+")  # whoever reads the link before it is used can use it


def without_queries(record: logging.LogRecord) -> bool:
    """A log filter that takes the query string out of every address in a message."""
    record.msg, record.args = _QUERY.sub("?...", record.getMessage()), None
    return True


def post_worker_init(worker: Any) -> None:
    """This process may stand in for one that was killed: what that one was at is put in order.

    And once more a little later, for the request that had only just made its job.
    """
    from repos.services.jobs import SOON

    put_in_order(worker)
    again = Timer(SOON.total_seconds() + 1, put_in_order, [worker])
    again.daemon = True
    again.start()
    # What is loaded by now stays. While the garbage collector went through it again and again, a large answer took half
    # as long again.
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 10, 10)


def put_in_order(worker: Any) -> None:
    from django.db import connections

    from repos.services import jobs

    try:
        jobs.resume()
    except Exception:
        worker.log.exception("what an earlier process has left could not be put in order")
    connections.close_all()


class SiteLogger(Logger):  # type: ignore[misc]  # gunicorn has no types
    """Gunicorn's logger; what a client sent cannot put secrets or line breaks into the log."""

    def setup(self, cfg: Any) -> None:
        super().setup(cfg)
        self.error_log.addFilter(without_queries)

    def atoms(self, resp: Any, req: Any, environ: dict[str, Any], request_time: timedelta) -> dict[str, Any]:
        path = str(environ.get("PATH_INFO", "")).encode("unicode_escape").decode("ascii")
        path = _RESET.sub(r"\1/...", path)
        atoms: dict[str, Any] = super().atoms(resp, req, {**environ, "PATH_INFO": path}, request_time)
        return atoms


logger_class = SiteLogger
