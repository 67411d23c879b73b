"""Processes: built environment, bounds, time limits, and an end to everything they started."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from repos.vcs.errors import TooLarge, ToolError, ToolTimeout
from repos.vcs.process import Helper, HelperGone, Stream, run, stream


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def pid_of(running: Stream) -> int:
    assert running._process is not None
    return running._process.pid


def test_environment_is_built(monkeypatch):
    monkeypatch.setenv("SECRET_KEY", "hidden")
    lines = run(["env"], env={"EXTRA": "1"}).decode().splitlines()
    assert {line.partition("=")[0] for line in lines} == {"PATH", "LC_ALL", "TZ", "HOME", "EXTRA"}
    assert run(["pwd"]) == b"/\n"


def test_input_of_any_size_meets_output_of_any_size():
    data = os.urandom(3_000_000)
    assert run(["cat"], input=data) == data
    assert run(["true"], input=data) == b""


def test_errors_are_typed_bounded_and_without_credentials():
    script = "yes x | head -c 100000 >&2; echo fatal: https://user:p@ss@example.com/x >&2; exit 3"
    with pytest.raises(ToolError) as raised:
        run(["sh", "-c", script])
    assert raised.value.status == 3
    assert len(raised.value.stderr) <= 4096
    assert "https://***@example.com/x" in str(raised.value)
    assert "p@ss" not in str(raised.value)
    assert run(["sh", "-c", "exit 1"], ok=(0, 1)) == b""


def test_timeout_ends_the_whole_group(tmp_path):
    pid_file = tmp_path / "pid"
    started = time.monotonic()
    with pytest.raises(ToolTimeout):
        run(["sh", "-c", f"sleep 60 & echo $! > {pid_file}; wait"], timeout=2)
    assert time.monotonic() - started < 50
    pid = int(pid_file.read_text())
    for _ in range(1000):
        if not alive(pid):
            break
        time.sleep(0.01)
    assert not alive(pid)


def test_output_is_bounded():
    with pytest.raises(TooLarge):
        run(["yes"], max_output=100_000)


def test_closing_a_stream_ends_the_process():
    pieces = stream(["yes"], max_output=None)
    next(pieces)
    pid = pid_of(pieces)
    pieces.close()
    assert not alive(pid)
    assert list(pieces) == []
    abandoned = stream(["yes"], max_output=None)
    pid = pid_of(abandoned)
    del abandoned
    assert not alive(pid)


def test_the_consumers_time_does_not_count():
    pieces = stream(["sh", "-c", "echo 1; sleep 0.05; echo 2"], timeout=2)
    first = next(pieces)
    time.sleep(2.1)
    assert b"".join([first, *pieces]) == b"1\n2\n"


def test_progress_lines():
    lines: list[str] = []
    run(["sh", "-c", "printf '1%%\\r2%%\\rdone\\nhttps://u:p@h/' >&2"], on_stderr=lines.append)
    assert lines == ["1%", "2%", "done", "https://***@h/"]


def test_helper():
    helper = Helper(["cat"])
    helper.write(b"line\nrest")
    assert helper.read_until(b"\n") == b"line"
    assert helper.read(4) == b"rest"
    helper.write(b"x", timeout=0.1)
    with pytest.raises(ToolTimeout):
        helper.read(2)
    assert not helper.alive
    with pytest.raises(HelperGone):
        helper.write(b"x")
    short = Helper(["true"])
    with pytest.raises(HelperGone):
        short.read(1)
