"""reStructuredText on the standard input, HTML on the standard output: a process of its own.

Docutils takes minutes for some texts of a few kilobytes, and memory without end for others. A process can be ended, and
nobody else waits for it.
"""

from __future__ import annotations

import resource
import sys

from docutils.core import publish_parts
from docutils.utils import SystemMessage

MEMORY = 512 * 1024 * 1024  # bytes
UNREADABLE = 3  # the status that says so

SETTINGS = {
    "raw_enabled": False,
    "file_insertion_enabled": False,
    "_disable_config": True,
    "report_level": 5,
    "halt_level": 5,
    "embed_stylesheet": False,
    "initial_header_level": 2,
    "doctitle_xform": False,
    "syntax_highlight": "none",
    "math_output": "LaTeX",
    "smart_quotes": False,
    "line_length_limit": 10_000,
}


def main() -> int:
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    text = sys.stdin.buffer.read().decode("utf-8", "replace")
    try:
        html: str = publish_parts(text, writer="html5", settings_overrides=SETTINGS)["body"]
    except (SystemMessage, ValueError, RecursionError, MemoryError):
        return UNREADABLE
    sys.stdout.buffer.write(html.encode("utf-8", "replace"))
    return 0


if __name__ == "__main__":
    sys.exit(main())
