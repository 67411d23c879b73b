"""Locks that end with their holder."""

import os
import subprocess
import sys

from repos import locks
from tests.site.running import ROOT

HOLD = """
import sys
from django.conf import settings
settings.configure(REPOSITORIES_ROOT=sys.argv[1])
from repos import locks
with locks.held("one") as is_mine:
    print(is_mine, flush=True)
    sys.stdin.read()
"""


def test_a_lock_is_held_once_and_leaves_nothing(repositories_root):
    with locks.held("one") as first, locks.held("one") as second, locks.held("other") as other:
        assert (first, second, other) == (True, False, True)
        with locks.held("one") as third:
            assert not third
    with locks.held("one") as again:
        assert again
    assert os.listdir(repositories_root / locks.STAGING) == []


def test_a_lock_ends_with_a_process_that_is_killed(repositories_root):
    command = [sys.executable, "-c", HOLD, str(repositories_root)]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout.readline() == b"True\n"
        with locks.held("one") as is_mine:
            assert not is_mine
        process.kill()
        process.wait()
        with locks.held("one") as is_mine:
            assert is_mine
