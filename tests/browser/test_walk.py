"""What people do, in a real browser, from signing in to merging."""

from __future__ import annotations

import urllib.request
from pathlib import Path
from time import monotonic

import pytest

from repos.vcs.backend import open_repository
from tests.factories import PASSWORD, RepositoryFactory
from tests.repo_builder import RepoBuilder
from tests.repos.clients import clone, commit, push

pytestmark = [
    pytest.mark.browser,
    pytest.mark.xdist_group("browser"),
    pytest.mark.django_db(transaction=True),
]
AXE = Path(__file__).parent / "axe" / "axe.min.js"


def sign_in(page, user):
    page.goto("/_admin/login")
    page.fill("[name=username]", user.username)
    page.fill("[name=password]", PASSWORD)
    page.click("main button")
    page.wait_for_selector("text=Sign out")


def sign_out(page):
    page.click("text=Sign out")
    page.wait_for_selector("text=Sign in")


def test_from_signing_in_to_merging(page, site, live_server, tmp_path):
    owner, reviewer, kind = site["owner"], site["reviewer"], site["kind"]
    trunk = "main" if kind == "git" else "default"

    sign_in(page, owner)
    page.goto("/_admin/my_account/api_keys")
    page.fill("[name=description]", "build robot")
    page.select_option("[name=level]", label="read and write")
    page.click("main form button.primary")
    page.locator("text=build robot").wait_for()
    key = page.locator("input[id^=key-]").last.input_value()
    request = urllib.request.Request(
        f"{live_server.url}/project/raw/v1.1/README", headers={"Authorization": f"Bearer {key}"}
    )
    with urllib.request.urlopen(request) as answer:
        assert answer.status == 200

    page.goto("/_admin/create_repository")
    page.fill("[name=name]", "fresh")
    page.select_option("[name=kind]", kind)
    page.click("main form button.primary")
    page.locator("text=There are no changesets yet").wait_for()
    url = f"{live_server.url.replace('://', f'://{owner.username}:{key}@')}/fresh"
    work = clone(kind, url, tmp_path / "work")
    pushed = commit(kind, work, "Pushed by a client", name="pushed.txt", content="Hello\n")
    push(kind, work, url)
    page.goto("/fresh")
    page.click("text=Pushed by a client")
    page.locator("table.diff :text('Hello')").wait_for()
    assert pushed in page.content()

    page.goto("/project")
    page.click("text=Changelog")
    page.click("text=Merge feature")
    page.click("text=Side by side")
    page.locator("section.box a:has-text('Whole file')").first.focus()
    page.keyboard.press("Enter")
    page.wait_for_selector("a:has-text('All files')")
    page.goto("/project/files/v1.1/")
    page.keyboard.press("t")
    page.keyboard.type("feat")
    page.click("#found-files a:text-is('src/feature.py')")
    page.locator("h2:has-text('feature.py')").wait_for()

    page.goto("/project/pull-request/new")
    page.select_option("[name=origin_ref]", "branch:topic")
    page.select_option("[name=target_ref]", f"branch:{trunk}")
    page.fill("[name=title]", "Take over")
    page.fill("[name=reviewers]", reviewer.username)
    page.click("button[name=preview]:visible")
    page.locator("text=It would hold 1 changeset").wait_for()
    assert page.url.endswith("#preview")
    page.click("button[name=open]")
    page.wait_for_selector("aside button:has-text('Merge')")
    address = page.url
    sign_out(page)

    sign_in(page, reviewer)
    page.goto(address)
    number = page.locator("table.diff a[data-side=n]").first
    number.focus()
    page.keyboard.press("Enter")
    page.locator("tr.writing textarea").fill("Is **this** right?")
    page.locator("tr.writing button:has-text('Preview')").click()
    assert page.locator("tr.writing .preview strong").inner_text() == "this"
    page.locator("tr.writing button.primary").click()
    page.wait_for_selector("tr.talk .comment strong:has-text('this')")
    page.check("input[name=status][value=approved]")
    page.locator("#talk form textarea").last.fill("Yes.")
    page.locator("#talk > form button.primary").click()
    page.wait_for_selector("aside .tag.good:has-text('approved')")
    sign_out(page)

    sign_in(page, owner)
    page.goto(address)
    page.click("aside button:has-text('Merge')")
    page.wait_for_selector("text=Merged.")
    page.locator("p .tag:has-text('merged')").wait_for()
    sign_out(page)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_pages_are_accessible(page, site, scheme):
    page.emulate_media(color_scheme=scheme)
    found = []
    addresses = ["/_admin/login", "/", "/project", "/project/changelog", "/project/changeset/1"]
    addresses += ["/project/changeset/1?diff=split", "/project/files/v1.1/", "/project/files/v1.1/src/app.py"]
    addresses += ["/project/annotate/v1.1/README", "/project/branches", "/project/compare/1...3", "/project/forks"]
    private = ["/project/settings", "/project/settings/permissions", "/project/settings/danger", "/project/fork"]
    private += ["/project/pull-request/new", "/_admin/my_account", "/_admin/my_account/api_keys", "/_admin/journal"]
    groups = "/_admin/my_account/user_groups"
    private += ["/project/pull-request", "/_admin/gists/new", "/_admin/my_pullrequests", "/_admin/my_account/notices"]
    private += ["/_admin/my_account/sessions", "/project/settings/remote", groups, f"{groups}/{site['group'].pk}"]
    for address in [*addresses, None, *private]:
        if address is None:
            sign_in(page, site["owner"])
            continue
        page.goto(address)
        page.evaluate(AXE.read_text())
        result = page.evaluate("axe.run({resultTypes: ['violations']})")
        found += [
            (address, problem["id"], problem["nodes"][0]["html"])
            for problem in result["violations"]
            if problem["impact"] in {"serious", "critical"}
        ]
    assert found == []


def test_pages_fit_a_narrow_screen(page, site):
    page.set_viewport_size({"width": 360, "height": 740})
    sign_in(page, site["owner"])
    for address in ("/", "/project", "/project/changelog", "/project/changeset/1", "/project/files/v1.1/"):
        page.goto(address)
        assert page.evaluate("document.documentElement.scrollWidth") <= 360, address
        assert page.locator("header.site").bounding_box()["height"] < 160, address


@pytest.fixture
def long_names(site, repositories_root):
    """A repository whose author, branch, message and README have no end."""
    builder = RepoBuilder(site["kind"])
    readme = {"README.md": "    " + "long " * 200}
    builder.commit("x" * 400, readme, author=f"{'Long ' * 30}<l@example.com>", branch="topic-" + "long-" * 30)
    builder.build(repositories_root / "long")
    yield RepositoryFactory(name="long", kind=site["kind"], owner=site["owner"])
    open_repository(site["kind"], repositories_root / "long").close()


def test_long_names_leave_the_rest_in_its_place(long_names, page, site):
    sign_in(page, site["owner"])
    for width in (1280, 768, 390):
        page.set_viewport_size({"width": width, "height": 900})
        for address in ("/long", "/long/changelog", "/long/files/tip/", "/long/branches"):
            page.goto(address)
            assert page.evaluate("document.documentElement.scrollWidth") <= width, address
            boxes = "[...document.querySelectorAll('.box.scroll')]"
            assert page.evaluate(f"{boxes}.every((box) => box.scrollWidth <= box.clientWidth)"), address
            rows = "[...document.querySelectorAll('table.list tr')]"
            assert page.evaluate(f"{rows}.every((row) => row.offsetHeight < 250)"), (address, width)
    page.goto("/long")
    code = page.locator(".markup pre")
    code.focus()
    page.keyboard.press("ArrowRight")
    until = monotonic() + 60
    while not code.evaluate("pre => pre.scrollLeft") and monotonic() < until:
        page.wait_for_timeout(50)
    assert code.evaluate("pre => pre.scrollLeft") > 0


def test_without_scripts_nothing_is_shown_that_needs_them(page, site, live_server):
    plain = page.context.browser.new_context(base_url=live_server.url, java_script_enabled=False).new_page()
    sign_in(plain, site["owner"])
    plain.goto("/_admin/my_account/api_keys")
    assert plain.locator("[data-copy], [data-reveal]").filter(visible=True).count() == 0
    plain.click("summary:has-text('Show')")
    assert len(plain.locator("details code").inner_text()) == 40


def test_hands_that_are_fast_or_on_the_keyboard(page, site):
    sign_in(page, site["owner"])
    raw_id = site["repository"].vcs.resolve("1").raw_id
    page.goto(f"/project/changeset/{raw_id}?diff=split")
    page.locator(".remark textarea").fill("said once")
    sent = []
    page.route("**/do/comment", lambda route: sent.append(route))  # noqa: PLW0108 - it marks what it is given
    again = "button => { button.click(); setTimeout(() => button.click(), 200); }"  # while the server is slow
    page.locator(".remark button.primary").evaluate(again)
    until = monotonic() + 60
    while not sent and monotonic() < until:
        page.wait_for_timeout(50)
    page.wait_for_timeout(600)
    assert len(sent) == 1
    sent[0].continue_()
    page.wait_for_url("**?diff=split#comment-*")
    assert page.locator(".comment:has-text('said once')").count() == 1

    number = page.locator("table.diff a[data-line]").first
    number.focus()
    page.keyboard.press("Enter")
    page.locator("tr.writing button[data-cancel]").press("Enter")
    assert number.evaluate("link => link === document.activeElement")

    page.goto("/project/files/v1.1/")
    begun = page.url
    page.locator("#at").focus()
    page.keyboard.press("ArrowDown")
    page.wait_for_timeout(300)
    assert page.url == begun  # arrows choose, the button sends
    page.mouse.click(1, 1)
    page.locator("#at").select_option("v1.0")
    page.wait_for_url(lambda url: url != begun)


def test_what_was_wrong_with_a_form_is_in_sight(page, site):
    sign_in(page, site["owner"])
    page.set_viewport_size({"width": 390, "height": 500})
    page.goto("/project/settings/permissions")
    page.locator("[name=subject]").fill("nobody")
    page.locator("main form").last.locator("button").click()
    page.locator("text=There is no user or user group of this name").wait_for()
    page.wait_for_selector("[name=subject]:focus")
    field = page.locator("[name=subject]")
    assert 0 <= field.bounding_box()["y"] <= 500
