"""Pages of repositories, as people and hostile authors find them."""

from __future__ import annotations

import re

import pytest
from django.test.utils import CaptureQueriesContext

from accounts import journal
from accounts.actors import Actor
from accounts.models import GlobalGrant
from accounts.permissions import DEFAULT_USER_ID, Level
from repos.models import Follower
from repos.services import repositories
from tests.factories import AdminFactory, RepositoryFactory, RepositoryGroupFactory, UserFactory, grant
from tests.repo_builder import RepoBuilder, sample

EVIL = "<script>alert('x')</script>"
PATHS = (
    "",
    "/changelog",
    "/changelog/tip",
    "/changelog/tip/README",
    "/changelog?q=Add&author=bob&since=2009-01-01",
    "/changeset/tip",
    "/changeset/1",
    "/changeset/2?diff=split&ignorews=1&context=10",
    "/files/tip/",
    "/files/v1.1/src",
    "/files/tip/README",
    "/files/v1.1/src/app.py",
    "/annotate/tip/README",
    "/branches",
    "/forks",
    "/followers",
    "/compare",
    "/compare/1...2",
    "/compare/1...2?merge=1&diff=split",
    "/pull-request",
)


@pytest.mark.parametrize("path", PATHS)
def test_every_page_opens_for_the_anonymous(client, project, path):
    repository, _ = project
    response = client.get(f"/{repository.name}{path}")
    assert response.status_code == 200
    assert "default-src 'none'" in response["Content-Security-Policy"]
    assert b"style=" not in response.content


def test_an_empty_repository_says_how_to_begin(client, kind, make_repository):
    repository, _ = make_repository(RepoBuilder(kind))
    for path in ("", "/changelog", "/files", "/branches", "/compare", "/pull-request", "/feed/rss"):
        assert client.get(f"/{repository.name}{path}").status_code == 200, path
    assert f"http://testserver/{repository.name}" in client.get(f"/{repository.name}").content.decode()


def test_hostile_texts_are_shown_as_text_everywhere(client, kind, make_repository):
    builder = RepoBuilder(kind)
    name = "<img src=x onerror=alert(1)>.txt"
    markdown = f"{EVIL}\n\n[x](javascript:alert(1)) ![y](http://elsewhere/x.png)"
    files = {name: f"{EVIL}\n", "README.md": markdown, f"{EVIL.replace('/', '_')}/a.py": f"# {EVIL}\n"}
    builder.commit(EVIL, files, author="&lt;script&gt;alert(1) <a@b>" if kind == "git" else f"{EVIL} <a@b>")
    builder.commit(
        f"second {EVIL}", {name: "changed\n", "README.md": ".. raw:: html\n\n  " + EVIL}, branch="x<script>y"
    )
    repository, ids = make_repository(builder, description=EVIL)
    for path in (*(path for path in PATHS if "src" not in path and "README" not in path), "/feed/atom", "/refs-data"):
        response = client.get(f"/{repository.name}{path.replace('2', '0')}")
        assert response.status_code == 200, path
        text = response.content.decode()
        if "json" not in response["Content-Type"]:
            assert "<script>alert" not in text, path
            assert "<img src=x" not in text, path
            assert 'href="javascript' not in text, path
            assert 'src="http' not in text, path
    assert client.get(f"/{repository.name}/files/{ids[EVIL]}/README.md").status_code == 200


@pytest.mark.parametrize("path", ["", "/changelog", "/changeset/tip", "/files/tip/", "/branches", "/files/tip/README"])
def test_the_number_of_queries_does_not_grow(client, kind, make_repository, path):
    from django.db import connection

    def queries(commits: int) -> int:
        builder = RepoBuilder(kind)
        for number in range(commits):
            builder.commit(f"commit {number}", {f"file{number}": "x", "README": f"{number}\n"})
        repository, _ = make_repository(builder, f"r{commits}")
        client.get(f"/{repository.name}{path}")  # what is stored once per changeset
        with CaptureQueriesContext(
            connection,
        ) as captured:
            assert client.get(f"/{repository.name}{path}").status_code == 200
        return len(captured)

    assert queries(2) == queries(30) <= 10


@pytest.mark.django_db
def test_the_list_of_repositories_searches_sorts_and_pages(client, django_assert_max_num_queries):
    owner = UserFactory()
    for number in range(60):
        RepositoryFactory(name=f"repo{number:02}", owner=owner, description="needle" if number == 42 else "")
    with django_assert_max_num_queries(6):
        first = client.get("/").content.decode()
    assert "repo00" in first
    assert "repo59" not in first
    assert "repo59" in client.get("/?page=2").content.decode()
    assert "repo59" in client.get("/?sort=-name").content.decode()
    found = client.get("/?q=needle").content.decode()
    assert "repo42" in found
    assert "repo41" not in found
    assert client.get("/?q=%00&sort=nonsense&page=x").status_code == 200


def test_a_large_folder_and_a_large_diff_stay_bounded(client, make_repository):
    builder = RepoBuilder("git")
    builder.commit("many", {f"d/{number:05}.txt": "x" for number in range(3000)})
    builder.commit("long", {"big.txt": "line\n" * 100_000, "wide.txt": "y" * 3_000_000})
    repository, _ = make_repository(builder)
    folder = client.get(f"/{repository.name}/files/tip/d").content
    assert folder.count(b"<tr") < 1100
    for path in ("/changeset/0", "/changeset/1"):
        response = client.get(f"/{repository.name}{path}")
        assert response.status_code == 200
        assert len(response.content) < 3_000_000
    assert b"too large to show" in client.get(f"/{repository.name}/files/tip/wide.txt").content


def test_a_direction_mark_is_made_visible(client, make_repository):
    builder = RepoBuilder("git")
    builder.commit("tricky \u202e txt", {"a\u202etxt.py": "x = 1 # \u2066 hidden\n"})
    repository, _ = make_repository(builder)
    for path in ("/changeset/tip", "/files/tip/", "/files/tip/a\u202etxt.py"):
        text = client.get(f"/{repository.name}{path}").content.decode()
        assert "\u202e" not in text
        assert "[U+202E]" in text


def test_the_choice_of_references_knows_where_it_is(client, project):
    repository, ids = project
    trunk = "main" if repository.kind == "git" else "default"
    head = repository.vcs.resolve(trunk).raw_id
    for place, chosen in ((f"{head}/", trunk), (f"{head}/README", trunk), (f"{head}/README?at=v1.1", "v1.1")):
        page = client.get(f"/{repository.name}/files/{place}").content.decode()
        assert f"<option selected>{chosen}</option>" in page, place
    page = client.get(f"/{repository.name}/files/{ids['Initial import']}/README").content.decode()
    assert "<option selected>" not in page


def test_a_file_is_found_without_a_script(client, project):
    repository, _ = project
    found = client.get(f"/{repository.name}/files/v1.1/", {"find": "SRC feat"}).content.decode()
    assert re.search(rf'<li><a href="/{repository.name}/files/[0-9a-f]+/src/feature.py">src/feature.py</a></li>', found)
    assert ">src/app.py</a></li>" not in found
    assert "No file has such a name" in client.get(f"/{repository.name}/files/v1.1/", {"find": "<b>"}).content.decode()


def test_a_revision_that_is_not_there_is_named_where_it_was_typed(client, project):
    repository, _ = project
    asked = client.get(f"/{repository.name}/compare", {"old": "v1.1", "new": "no<such"})
    assert asked.status_code == 200
    assert "There is no revision no&lt;such." in asked.content.decode()
    assert 'value="v1.1"' in asked.content.decode()
    assert client.get(f"/{repository.name}/compare", {"old": "v1.1", "new": "0"}).status_code == 302


def test_branches_lead_to_their_changesets(client, project):
    repository, _ = project
    trunk = "main" if repository.kind == "git" else "default"
    link = f'href="/{repository.name}/changelog?branch={trunk}"'
    assert link in client.get(f"/{repository.name}/branches").content.decode()


def test_the_summary_has_the_address_that_outlives_a_rename(client, project):
    repository, _ = project
    assert f'value="http://testserver/_{repository.pk}"' in client.get(f"/{repository.name}").content.decode()


def test_settings_ask_for_what_may_be_set_only(client, project):
    repository, _ = project
    user = UserFactory()
    grant(repository, user, 3)
    client.force_login(user)
    assert b'name="clone_uri"' not in client.get(f"/{repository.name}/settings/remote").content
    landings = client.get(f"/{repository.name}/settings").content.decode()
    assert "<option>tag:v1.1</option>" in landings


def test_the_journal_tells_what_was_pushed(client, project):
    repository, ids = project
    raw_id = ids["Remove"]
    journal.record(Actor(repository.owner), "push", repository, changesets=[raw_id], count=4, refs=[])
    page = client.get("/_admin/public_journal").content.decode()
    assert "pushed to" in page
    assert "4 changesets · …" in page
    assert f'href="/{repository.name}/changeset/{raw_id}"' in page


def test_following(client, project):
    repository, _ = project
    user = UserFactory()
    client.force_login(user)
    assert client.post(f"/{repository.name}/follow").status_code == 302
    assert repository.followers.filter(user=user).exists()
    client.post(f"/{repository.name}/follow")
    assert not repository.followers.filter(user=user).exists()


def test_followed_repositories_come_in_pages(client, db):
    user = UserFactory()
    rows = [RepositoryFactory(name=f"followed-{number:02}") for number in range(51)]
    Follower.objects.bulk_create(Follower(user=user, repository=repository) for repository in rows)
    client.force_login(user)
    first, second = (client.get(f"/_admin/my_account/following?page={n}").content.decode() for n in (1, 2))
    assert (first.count(">followed-"), second.count(">followed-")) == (50, 1)
    assert "?page=2" in first


def test_a_repository_is_made_changed_and_deleted_on_pages(client, db, repositories_root):
    from repos.models import Repository
    from repos.vcs.push_rules import PushRules
    from tests.factories import AdminFactory

    client.force_login(AdminFactory())
    made = client.post("/_admin/create_repository", {"name": "fresh", "kind": "git", "description": "new"})
    assert made.status_code == 302, made.content.decode()
    repository = Repository.objects.get(name="fresh")
    taken = client.post("/_admin/create_repository", {"name": "fresh", "kind": "git"})
    assert taken.status_code == 200
    assert Repository.objects.count() == 1
    values = {"name": "renamed", "owner": repository.owner.username, "landing": "rev:tip", "is_private": "on"}
    values |= {"protected_branches": "main\r\nrelease-*", "max_file_size": "1000"}
    refused = client.post("/fresh/settings", values | {"protected_branches": "*a" * 3000})
    assert "The patterns may have up to 4000 characters." in refused.text
    assert client.post("/fresh/settings", values).status_code == 302
    repository.refresh_from_db()
    assert (repository.name, repository.is_private) == ("renamed", True)
    assert repository.push_rules == PushRules(("main", "release-*"), 1000)
    assert "release-*" in client.get("/renamed/settings").text
    user = UserFactory()
    grant_form = {"subject_type": "user", "subject": user.username, "level": "2"}
    assert client.post("/renamed/settings/permissions", grant_form).status_code == 302
    row = repository.grants.get(user=user)
    assert row.level == 2
    client.post("/renamed/settings/permissions", {f"level-{row.pk}": "revoke"})
    assert not repository.grants.filter(user=user).exists()
    assert client.post("/renamed/settings/danger", {"name": "wrong"}).status_code == 200
    assert client.post("/renamed/settings/danger", {"name": "renamed"}).status_code == 302
    assert not Repository.objects.exists()


def test_a_fork_is_made_and_compared(client, kind, make_repository):
    from repos.models import Repository

    parent, _ids = make_repository(sample(kind))
    user = UserFactory()
    grant(parent, user, 1)
    client.force_login(user)
    response = client.post(f"/{parent.name}/fork", {"name": "mine", "description": ""})
    assert response.status_code == 302, response.content.decode()
    fork = Repository.objects.get(name="mine")
    assert fork.fork_of == parent
    assert client.get("/mine").status_code == 200
    assert b"mine" in client.get(f"/{parent.name}/forks").content
    assert client.get(f"/{parent.name}/compare/1...tip?other_repo=mine").status_code == 200
    fork.vcs.close()


def test_a_fork_is_compared_from_where_it_left(client, kind, make_repository):
    builder = RepoBuilder(kind)
    builder.commit("Shared", {"shared.txt": "shared\n"})
    left = builder.commit("Parent goes on", {"parent.txt": "parent\n"})
    parent, ids = make_repository(builder, "parent")
    builder.commit("Fork goes on", {"fork.txt": "fork\n"}, branch="apart", parents=["Shared"])
    _fork, fork_ids = make_repository(builder, "fork", fork_of=parent)
    address = f"/parent/compare/{ids[left]}...{fork_ids['Fork goes on']}?other_repo=fork"
    between = client.get(address).content.decode()
    assert "parent.txt" in between
    from_ancestor = client.get(f"{address}&merge=1").content.decode()
    assert "fork.txt" in from_ancestor
    assert "parent.txt" not in from_ancestor
    assert "shared.txt" not in from_ancestor


def test_names_that_are_not_utf_8_can_be_reached(client, make_repository):
    builder = RepoBuilder("git")
    builder.commit("odd", {"caf\udce9.txt": "coffee\n", "100%25 & ?#.txt": "x\n"})
    repository, _ = make_repository(builder)

    def get(path: str) -> bytes:
        response = client.get("/x", **{"kallithea.path": f"/{repository.name}/{path}"})  # as the entry point has it
        return b"".join(response.streaming_content) if response.streaming else response.content

    assert get("raw/tip/caf\xe9.txt") == b"coffee\n"
    folder = get("files/tip/").decode()
    assert "/caf%E9.txt" in folder
    assert "/100%2525%20&amp;%20%3F%23.txt" in folder
    changeset = client.get(f"/{repository.name}/changeset/tip").content.decode()
    assert "path=caf%E9.txt" in changeset
    one = client.get(f"/{repository.name}/changeset/tip?path=caf%E9.txt").content.decode()
    assert "coffee" in one
    assert "100%" not in one


@pytest.fixture
def frozen(db):
    """A site where nobody but administrators makes repositories or forks."""
    for kind, permission in (("hg.create", "hg.create.none"), ("hg.fork", "hg.fork.none")):
        GlobalGrant.objects.update_or_create(user_id=DEFAULT_USER_ID, kind=kind, defaults={"permission": permission})


NEW, FORK = 'href="/_admin/create_repository"', '/fork"'


def test_only_what_may_be_made_is_offered(client, project, frozen):
    repository, _ = project
    path = f"/{repository.name}"

    def offered() -> tuple[bool, bool, bool]:
        pages = [client.get(page).content.decode() for page in ("/", path, f"{path}/forks")]
        return NEW in pages[0], FORK in pages[1], FORK in pages[2]

    assert offered() == (False, False, False)
    user = UserFactory()
    client.force_login(user)
    assert offered() == (False, False, False)
    for page in ("/_admin/create_repository", f"{path}/fork"):
        assert client.get(page).status_code == 403

    grant(RepositoryGroupFactory(name="sandbox"), user, Level.WRITE)
    assert offered() == (True, False, False)
    form = client.get("/_admin/create_repository").content.decode()
    assert "sandbox" in form
    assert "(top level)" not in form
    refused = client.post("/_admin/create_repository", {"name": "mine", "kind": repository.kind})
    assert "This field is required." in refused.content.decode()

    GlobalGrant.objects.update_or_create(user=user, kind="hg.fork", defaults={"permission": "hg.fork.repository"})
    assert offered() == (True, True, True)
    client.force_login(AdminFactory())
    assert offered() == (True, True, True)
    assert "(top level)" in client.get(f"{path}/fork").content.decode()


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("level", "offered"), [(Level.READ, (False, False)), (Level.WRITE, (True, False)), (Level.ADMIN, (True, True))]
)
def test_a_group_offers_what_may_be_done_in_it(client, level, offered):
    group, user = RepositoryGroupFactory(name="tools"), UserFactory()
    grant(group, user, level)
    client.force_login(user)
    page = client.get("/tools").content.decode()
    new, grants = f"/_admin/create_repository?parent_group={group.pk}", f"/_admin/repo_groups/{group.pk}/permissions"
    assert (f'href="{new}"' in page, f'href="{grants}"' in page) == offered
    for address, is_offered in zip((new, grants), offered, strict=True):
        if is_offered:
            assert client.get(address).status_code == 200


def test_who_may_not_create_can_change_what_is_in_a_group(client, frozen, repositories_root):
    owner = UserFactory()
    inner = RepositoryFactory(name="in/inner", owner=owner, group=RepositoryGroupFactory(name="in"))
    client.force_login(owner)
    assert "(top level)" not in client.get("/in/inner/settings").content.decode()
    values = {"name": "inner", "group": inner.group_id, "owner": owner.username, "landing": "rev:tip"}
    assert client.post("/in/inner/settings", values | {"description": "New"}).status_code == 302
    inner.refresh_from_db()
    assert inner.description == "New"


@pytest.mark.parametrize(("level", "told"), [(Level.READ, False), (Level.WRITE, True)])
def test_who_may_not_push_is_not_told_how(client, kind, make_repository, level, told):
    repository, _ = make_repository(RepoBuilder(kind))
    user = UserFactory()
    grant(repository, user, level)
    client.force_login(user)
    page = client.get(f"/{repository.name}").content.decode()
    assert ("Start with a clone" in page) is told
    assert ("as soon as somebody has pushed" in page) is not told


def test_an_empty_file_is_called_empty(client, kind, make_repository):
    builder = RepoBuilder(kind)
    builder.commit("empty", {"empty.txt": "", "full.txt": "x"})
    repository, _ = make_repository(builder)
    page = client.get(f"/{repository.name}/changeset/tip").content.decode()
    assert "The file is empty." in page
    assert "The content is the same." not in page


def test_a_description_that_only_repeats_the_name_is_not_shown(client, project):
    repository, _ = project
    for text, count in (("Something else", 1), (repository.name, 0)):
        repositories.update(actor=Actor(repository.owner), repository=repository, description=text)
        assert client.get("/").content.decode().count(f"<small>{text}</small>") == count
        assert client.get(f"/{repository.name}").content.decode().count(f'<p class="soft">{text}</p>') == count


def test_nothing_of_a_message_is_lost(client, make_repository):
    subject = "word " * 60 + "the end"
    builder = RepoBuilder("git")
    builder.commit(f"{subject}\n\nBody", {"a": "x"})
    repository, _ = make_repository(builder)
    assert f"{subject}\n\nBody" in client.get(f"/{repository.name}/changeset/tip").text


def test_parts_of_a_path_stay_in_their_order_whatever_their_direction(client, make_repository):
    builder = RepoBuilder("git")
    builder.commit("Names", {"שלום/مرحبا.txt": "x\n"}, author="إبراهيم <i@example.com>")
    repository, _ = make_repository(builder)
    shown = client.get(f"/{repository.name}/files/tip/שלום/مرحبا.txt").text
    assert '<bdi dir="ltr">שלום</bdi></a> / <strong><bdi dir="ltr">مرحبا.txt</bdi>' in shown
    assert ">إبراهيم</bdi>" in shown


@pytest.mark.django_db
def test_a_description_that_says_only_the_name_is_not_shown(client):
    RepositoryFactory(name="many/thing", description="thing", group=RepositoryGroupFactory(name="many"))
    assert "<small>thing</small>" not in client.get("/many").text


@pytest.mark.django_db
def test_every_section_of_the_settings_has_its_own_title(client):
    owner = UserFactory()
    RepositoryFactory(name="thing", owner=owner)
    client.force_login(owner)
    sections = ("", "/permissions", "/fields", "/reviews", "/remote", "/danger")
    titles = [re.findall("<title>(.*)</title>", client.get(f"/thing/settings{end}").text)[0] for end in sections]
    assert len(set(titles)) == len(sections)


def test_a_binary_file_has_no_lines_to_annotate(client, kind, make_repository):
    builder = RepoBuilder(kind)
    builder.commit("Binary", {"a.bin": b"\x00\xff\n" * 9})
    repository, _ = make_repository(builder)
    shown = client.get(f"/{repository.name}/annotate/tip/a.bin").text
    assert "A binary file." in shown
    assert 'id="L1"' not in shown
