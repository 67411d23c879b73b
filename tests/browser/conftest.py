"""A browser that reports every error, and a site with repositories of both tools."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from repos.services import extras
from repos.vcs.backend import open_repository
from tests.factories import AdminFactory, RepositoryFactory, UserFactory, UserGroupFactory, actor
from tests.repo_builder import sample

CHROMIUM = Path("/usr/bin/chromium")
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]


@pytest.fixture
def page(site, live_server) -> Iterator[Any]:
    """A page whose console errors, script errors, CSP violations and requests to other hosts fail the test.

    While it is open an event loop runs in this thread, in which Django has other database connections: so it is opened
    last, closed first, and tests look at pages instead of the database.
    """
    if not CHROMIUM.exists():
        pytest.skip("needs Debian's chromium")
    playwright = pytest.importorskip("playwright.sync_api")
    problems: list[str] = []
    with playwright.sync_playwright() as running:
        browser = running.chromium.launch(executable_path=str(CHROMIUM), args=ARGUMENTS)
        context = browser.new_context(
            base_url=live_server.url,
            viewport={"width": 1280, "height": 900},
            locale="en",
            reduced_motion="reduce",  # what moves has no place yet
        )
        opened = context.new_page()
        opened.on("console", lambda message: problems.append(message.text) if message.type == "error" else None)
        opened.on("pageerror", lambda error: problems.append(str(error)))
        opened.on(
            "request",
            lambda request: (
                None if request.url.startswith((live_server.url, "data:")) else problems.append(request.url)
            ),
        )
        opened.set_default_timeout(60_000)
        yield opened
        browser.close()
    assert problems == []


@pytest.fixture(params=["git", "hg"])
def site(request, live_server, repositories_root):
    """A repository with history, its owner, and a reviewer."""
    kind = request.param
    builder = sample(kind)
    topic = {"src/topic.py": "def topic():\n    return 1\n"}
    builder.commit("Topic work", topic, branch="topic", parents=["Remove"])
    builder.build(repositories_root / "project")
    owner = AdminFactory(username="olga", firstname="Olga", lastname="Owner")
    reviewer = UserFactory(username="rita")
    repository = RepositoryFactory(name="project", kind=kind, owner=owner, enable_downloads=True)
    group = UserGroupFactory(name="team", owner=owner, description="Who works on it")
    extras.set_field(actor=actor(owner), repository=repository, key="team", label="Team", value="blue", description="")
    yield {"kind": kind, "owner": owner, "reviewer": reviewer, "repository": repository, "group": group}
    open_repository(kind, repositories_root / "project").close()
