"""The site's Celery application for tests: ``celery -A tests.repos.slow_worker worker``.

While a file ``HOLD/move`` exists, repositories that are whole wait in the staging
folder; ``HOLD/held`` says that one does.
"""

import os
import time
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import django

from kallithea_site.celery import app  # noqa: F401 - what celery looks for

django.setup()

from repos.services import storage  # noqa: E402

moving = storage.moving


def slowly_moving(*moves: storage.Move, **named: Any) -> AbstractContextManager[None]:
    hold = Path(os.environ["HOLD"])
    while (hold / "move").exists():
        (hold / "held").touch()
        time.sleep(0.05)
    return moving(*moves, **named)


storage.moving = slowly_moving  # type: ignore[assignment]
