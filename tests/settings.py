"""Settings of the test run: the real ones, with a home of their own and a fast password hash."""

import atexit
import os
import shutil
import tempfile
from pathlib import Path

_home = tempfile.mkdtemp(prefix="kallithea-tests-")
atexit.register(shutil.rmtree, _home, ignore_errors=True)
os.environ["KALLITHEA_HOME"] = _home
for name in ("REDIS_URL", "CELERY_BROKER_URL", "EMAIL_HOST", "CLONE_ALLOWED_NETWORKS"):
    os.environ.pop(name, None)

from kallithea_site.settings import *  # noqa: E402, F403

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
for folder in ("repositories", "static"):
    Path(_home, folder).mkdir()
if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":  # noqa: F405
    # A file as in real life: threads that share a database in memory lock each other out.
    DATABASES["default"]["TEST"] = {"NAME": f"{_home}/test.db"}  # noqa: F405
CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
METRICS_INTERVAL = 0  # no thread: tests write the counters themselves
