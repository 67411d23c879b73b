"""The panel in a real browser: what an administrator does in a day, and what somebody who runs one user group sees."""

from __future__ import annotations

from pathlib import Path

import pytest

from accounts.permissions import Level
from tests.browser.test_walk import sign_in
from tests.factories import UserFactory, UserGroupFactory, grant

pytestmark = [
    pytest.mark.browser,
    pytest.mark.xdist_group("browser"),
    pytest.mark.django_db(transaction=True),
]
AXE = Path(__file__).parent / "axe" / "axe.min.js"


def save(page):
    page.click("[name=_save]")
    page.wait_for_load_state()


def choose(page, field, text):
    """Pick from a field that asks the server while one types."""
    page.click(f".field-{field} .select2-selection")
    page.fill(".select2-search__field", text)
    page.click(f".select2-results__option:has-text('{text}')")


@pytest.fixture
def una(site):
    return UserFactory(username="una")


@pytest.fixture
def groups(site, una):
    """One group that the reviewer runs, and one that somebody else does."""
    other = UserGroupFactory(name="theirs", everybody=Level.NONE)
    grant(other, una, Level.ADMIN)
    return UserGroupFactory(name="mine", owner=site["reviewer"]), other


def test_an_administrators_day(una, page, site):
    sign_in(page, site["owner"])

    page.goto("/_admin/repos/repositorygroup/add/")
    page.fill("[name=base_name]", "tools")
    page.fill("[name=description_en]", "Our tools")
    page.click("nav a:has-text('German')")
    page.fill("[name=description_de]", "Unsere Werkzeuge")
    save(page)
    page.click("#result_list a:has-text('tools')")
    assert page.input_value("[name=description_de]") == "Unsere Werkzeuge"

    page.goto("/_admin/repos/repository/add/")
    page.fill("[name=base_name]", "app")
    choose(page, "group", "tools")
    page.select_option("[name=kind]", site["kind"])
    save(page)
    page.click("#result_list a:has-text('tools/app')")
    page.wait_for_selector("section a:has-text('Permissions')")
    repository = page.url
    page.click("section a:has-text('Permissions')")
    page.fill("[name=q]", "una")
    page.click("button:has-text('Find')")
    page.check("input[aria-label='una: write']")
    page.click("button:has-text('Save')")
    page.wait_for_selector("text=Saved.")
    assert page.is_checked("input[aria-label='una: write']")

    page.goto(f"/_admin/repos/repository/effective/{una.pk}/")
    page.locator("strong:has-text('own grant: write')").wait_for()

    page.goto("/_admin/accounts/iprange/add/")
    choose(page, "user", "una")
    page.fill("[name=cidr]", "10.2.0.0/16")
    save(page)
    page.click("a:has-text('Try an address') >> visible=true")
    page.fill("[name=user]", "una")
    page.fill("[name=address]", "10.3.0.1")
    page.click("button:has-text('Try it')")
    page.locator("text=It is refused.").wait_for()
    page.fill("[name=address]", "10.2.0.1")
    page.click("button:has-text('Try it')")
    page.locator("text=10.2.0.0/16 is allowed to una.").wait_for()

    page.goto("/_admin/accounts/apikey/add/")
    choose(page, "user", "una")
    page.fill("[name=description]", "robot")
    save(page)
    assert len(page.locator("#content code").inner_text()) == 40

    page.goto("/_admin/accounts/journalentry/")
    shown = page.locator("#result_list").inner_text()
    for action in ("create_repository_group", "create_repository", "grant", "add_user_ip", "create_api_key"):
        assert action in shown

    page.goto(repository.replace("/change/", "/delete/"))
    page.fill("[name=name]", "tools/app")
    page.click("button:has-text('Delete')")
    page.wait_for_selector("text=Deleted tools/app.")


def test_who_runs_a_user_group_sees_that_group_only(groups, una, page, site):
    sign_in(page, site["reviewer"])
    page.goto("/_admin/my_account/user_groups")
    text = page.locator("main").inner_text()
    assert "mine" in text
    assert "theirs" not in text
    page.click("main a:has-text('mine')")
    page.fill("[name=username]", una.username)
    page.click("main form button.primary")
    page.wait_for_selector("main :text('una')")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_pages_of_the_panel_are_accessible(page, scheme, site):
    """The panel's own pages; its theme's lists and forms are the library's."""
    page.emulate_media(color_scheme=scheme)
    sign_in(page, site["owner"])
    repository = site["repository"].pk
    own = ["/_admin/repos/repository/defaults/", "/_admin/repos/repository/rescan/"]
    own += [f"/_admin/repos/repository/{repository}/{page}/" for page in ("grants", "fields", "delete")]
    own += ["/_admin/accounts/iprange/simulator/?user=default&address=10.0.0.1"]
    own += [f"/_admin/repos/repository/effective/{site['owner'].pk}/"]
    found = []
    for address in own:
        page.goto(address)
        page.evaluate(AXE.read_text())
        result = page.evaluate("axe.run('.panel', {resultTypes: ['violations']})")
        found += [
            (address, problem["id"], problem["nodes"][0]["html"])
            for problem in result["violations"]
            if problem["impact"] in {"serious", "critical"}
        ]
    assert found == []


def test_pages_of_the_panel_fit_a_narrow_screen(groups, page, site):
    page.set_viewport_size({"width": 360, "height": 740})
    sign_in(page, site["owner"])
    reviewer, repository = site["reviewer"].pk, site["repository"].pk
    for address in (
        f"/_admin/accounts/user/{reviewer}/change/",
        f"/_admin/repos/repository/{repository}/change/",
        f"/_admin/repos/repository/{repository}/grants/?q={site['reviewer'].username}",
        f"/_admin/repos/repository/effective/{reviewer}/",
        "/_admin/repos/repository/defaults/",
        "/_admin/accounts/iprange/simulator/?user=default&address=10.0.0.1",
        "/_admin/reports/repository_permissions",
        "/_admin/reports/repositories_by_last_change",
    ):
        page.goto(address)
        assert page.evaluate("document.documentElement.scrollWidth") <= 360, address
        for cell in page.locator("td.date").all():
            assert cell.bounding_box()["height"] < 60, address
