"""Git's pre-receive hook: refuses a push that breaks the rules in ``PUSH_RULES``, while its objects are in quarantine.

Runs alone, with the standard library only, in a bare repository; each line of the input is ``old new reference``.
"""

import json
import os
import subprocess
import sys
from fnmatch import fnmatchcase

NOTHING = "0" * 40


def git(*args: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(["git", *args], capture_output=True, text=True, errors="replace", check=False)  # noqa: S607


def refused_reference(old: str, new: str, name: str, patterns: list[str]) -> str:
    """Why a branch may not move so; empty when it may."""
    branch = name.removeprefix("refs/heads/")
    if old == NOTHING or branch == name or not any(fnmatchcase(branch, pattern) for pattern in patterns):
        return ""
    if new == NOTHING:
        return f"branch {branch} is protected: it may not be deleted"
    if git("merge-base", "--is-ancestor", old, new).returncode:
        return f"branch {branch} is protected: it may not be rewritten (no force push)"
    return ""


def refused_file(news: list[str], limit: int) -> str:
    """Which new file is too large; empty when none is."""
    found = git("rev-list", "--objects", f"--filter=blob:limit={limit + 1}", "--filter-print-omitted",
                "--filter-provided-objects",  # a tag may be of a file
                *news, "--not", "--all")  # fmt: skip
    if found.returncode:
        return "the push could not be checked"
    large = {line[1:41] for line in found.stdout.split("\n") if line.startswith("~")}
    if not large:
        return ""
    named = git("rev-list", "--objects", *news, "--not", "--all").stdout.split("\n")
    line = next(line for line in named if line[:40] in large)
    size = git("cat-file", "-s", line[:40]).stdout.strip()
    return f"{line[41:] or 'a file'} has {size} bytes; files of more than {limit} bytes are not accepted here"


def main() -> int:
    rules = json.loads(os.environ["PUSH_RULES"])
    updates = [line.rstrip("\n").split(" ", 2) for line in sys.stdin]
    refusals = [refused_reference(old, new, name, rules["protected_branches"]) for old, new, name in updates]
    news = [new for _, new, _ in updates if new != NOTHING]
    if rules["max_file_size"] is not None and news:
        refusals.append(refused_file(news, rules["max_file_size"]))
    for refusal in filter(None, refusals):
        print(refusal, file=sys.stderr)  # noqa: T201 - the client shows it
    return int(any(refusals))


if __name__ == "__main__":
    sys.exit(main())
