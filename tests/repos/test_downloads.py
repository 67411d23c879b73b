"""What programs download: diffs, files, archives, feeds."""

from __future__ import annotations

import io
import tarfile
import zipfile
from xml.etree import ElementTree as ET

import pytest

from tests.factories import AdminFactory, UserFactory, key_of
from tests.repo_builder import RepoBuilder
from tests.repos.test_addresses import body


def test_a_short_hash_of_git_names_no_diff(client, project):
    repository, ids = project
    status = client.get(f"/{repository.name}/changeset-diff/{ids['Remove'][:12]}").status_code
    assert status == (404 if repository.kind == "git" else 200)


def test_a_range_gives_the_diff_of_the_last(client, project):
    repository, ids = project
    both = f"{ids['Initial import']}...{ids['Remove']}"
    last = body(client.get(f"/{repository.name}/changeset-diff/{ids['Remove']}"))
    assert b"deleted file mode" in last
    assert body(client.get(f"/{repository.name}/changeset-diff/{both}")) == last


def test_the_date_of_a_patch_is_that_of_the_api(client, project, settings):
    settings.TIME_ZONE = "America/New_York"
    repository, ids = project
    call = {"id": 1, "api_key": key_of(AdminFactory()), "method": "get_changeset"}
    call |= {"args": {"repoid": repository.name, "raw_id": ids["Remove"]}}
    said = client.post("/_admin/api", call, content_type="application/json").json()["result"]["date"]
    patch = body(client.get(f"/{repository.name}/changeset-patch/{ids['Remove']}")).decode()
    assert f"\n{'# Date' if repository.kind == 'hg' else 'Date:'} {said.replace('T', ' ')}\n" in patch


@pytest.mark.parametrize("view", ["changeset-diff", "changeset-patch", "changeset-download"])
def test_both_ends_of_a_range_must_be_there(client, project, view):
    repository, ids = project
    for revision in (f"nosuch...{ids['Remove']}", f"{ids['Remove']}...nosuch"):
        assert client.get(f"/{repository.name}/{view}/{revision}").status_code == 404


def test_the_diff_of_one_file_is_a_page_too(client, project):
    repository, ids = project
    first, last = ids["Initial import"], ids["Remove"]
    address = f"/{repository.name}/diff/README.rst?diff1={first}&diff2={last}"
    for asked in (address, address + "&diff=diff"):
        answer = client.get(asked)
        assert (answer.status_code, answer["Location"]) == (
            302,
            f"/{repository.name}/compare/{first}...{last}?path=README.rst",
        )
    assert client.get(answer["Location"]).status_code == 200
    assert client.get(address + "&diff=nosuch").status_code == 404


def test_a_diff_above_the_bound_breaks_off(client, project, settings):
    from repos.vcs.errors import TooLarge

    settings.MAX_DIFF_BYTES = 50
    repository, ids = project
    with pytest.raises(TooLarge):
        body(client.get(f"/{repository.name}/changeset-diff/{ids['Initial import']}"))


def test_script_in_a_file_stays_text(client, kind, make_repository):
    builder = RepoBuilder(kind)
    page = "<script>alert(1)</script>"
    names = ["x.html", "x.svg", "x.xhtml", "x.xml", "x.js", "x.MJS", "bare", 'a"b;c.txt', "日本.txt", "line\nbreak.txt"]
    if kind == "hg":
        names.remove("line\nbreak.txt")
    builder.commit("one", dict.fromkeys(names, page))
    repository, _ = make_repository(builder)
    for name in names:
        for view in ("raw", "rawfile"):
            response = client.get(f"/{repository.name}/{view}/tip/{name.replace(chr(10), '%0A')}")
            assert body(response) == page.encode(), name
            assert "sandbox" in response["Content-Security-Policy"]
            assert response["X-Content-Type-Options"] == "nosniff"
            if view == "raw" and not name.endswith(".svg"):
                assert response["Content-Type"] == "text/plain; charset=UTF-8"
            if view == "rawfile":
                assert "script" not in response["Content-Type"]
                assert response["Content-Disposition"].startswith("attachment; filename=")
                assert "\n" not in response["Content-Disposition"]


def test_names_beyond_latin_1_are_sent_as_rfc_5987_has_it(client, make_repository):
    builder = RepoBuilder("git")
    builder.commit("one", {"日本.txt": "x"})
    repository, _ = make_repository(builder)
    header = client.get(f"/{repository.name}/rawfile/tip/日本.txt")["Content-Disposition"]
    assert header == "attachment; filename=\"__.txt\"; filename*=UTF-8''%E6%97%A5%E6%9C%AC.txt"


@pytest.mark.parametrize("ending", ["zip", "tar", "tar.gz", "tgz", "tar.bz2", "tar.zst"])
def test_archives_are_reproducible_and_kept(client, project, ending, settings, tmp_path):
    settings.CACHE_ROOT = tmp_path / "cache"
    repository, ids = project
    path = f"/{repository.name}/archive/{ids['Remove']}.{ending}"
    first = client.get(path)
    prefix = f"{repository.name}-{ids['Remove'][:12]}"
    assert first["Content-Disposition"] == f"attachment; filename={prefix}.{ending}"
    content = body(first)
    if ending == "zip":
        names = zipfile.ZipFile(io.BytesIO(content)).namelist()
        assert f"{prefix}/README" in names
    elif ending != "tar.zst":
        with tarfile.open(fileobj=io.BytesIO(content)) as opened:
            assert f"{prefix}/README" in opened.getnames()
    again = client.get(path)
    assert again["Content-Length"] == str(len(content))  # from the cache
    assert body(again) == content
    assert client.get(path, headers={"If-None-Match": first["ETag"]}).status_code == 304
    part = client.get(path, headers={"Range": "bytes=10-19"})
    assert (part.status_code, body(part)) == (206, content[10:20])
    assert part["Content-Range"] == f"bytes 10-19/{len(content)}"
    assert body(client.get(path, headers={"Range": "bytes=-5"})) == content[-5:]
    assert client.get(path, headers={"Range": f"bytes={len(content)}-"}).status_code == 416
    assert body(client.get(path, headers={"Range": "bytes=0-4", "If-Range": '"other"'})) == content


def test_the_cache_of_archives_stays_within_its_quota(client, project, settings, tmp_path):
    settings.CACHE_ROOT = tmp_path / "cache"
    repository, ids = project
    sizes = []
    for raw_id in ids.values():
        sizes.append(len(body(client.get(f"/{repository.name}/archive/{raw_id}.tar"))))
        settings.ARCHIVE_CACHE_BYTES = 2 * sizes[0]
    kept = sum(path.stat().st_size for path in (tmp_path / "cache" / "archives").iterdir())
    assert 0 < kept <= 2 * sizes[0]


def test_too_many_new_archives_are_refused(client, project, settings, tmp_path):
    settings.CACHE_ROOT = tmp_path / "cache"
    settings.ARCHIVES_PER_MINUTE = 1
    repository, ids = project
    assert body(client.get(f"/{repository.name}/archive/{ids['Remove']}.zip"))
    assert client.get(f"/{repository.name}/archive/{ids['Feature']}.zip").status_code == 429
    assert body(client.get(f"/{repository.name}/archive/{ids['Remove']}.zip"))


def test_downloads_can_be_disabled_and_what_is_unknown_is_404(client, project):
    repository, _ = project
    for name in ("tip.rar", "tip", "nosuch.zip"):
        assert client.get(f"/{repository.name}/archive/{name}").status_code == 404
    repository.enable_downloads = False
    repository.save()
    assert client.get(f"/{repository.name}/archive/tip.zip").status_code == 403


@pytest.mark.parametrize("name", ["rss", "atom"])
def test_feeds_survive_any_message(client, kind, make_repository, name):
    builder = RepoBuilder(kind)
    builder.commit("a <b>&amp; \x1b[31m ]]> \x01 title", {"a": "x"}, author="&lt;b onclick=x \x0b <a@b>")
    repository, _ = make_repository(builder)
    response = client.get(f"/{repository.name}/feed/{name}")
    assert response["Content-Type"].startswith(f"application/{name}+xml")
    ET.fromstring(response.content)


@pytest.mark.parametrize("place", ["project/feed", "_admin/journal", "_admin/public_journal"])
def test_feeds_have_what_their_formats_demand(client, make_repository, place):
    builder = RepoBuilder("git")
    builder.commit("one\n\n<b>two</b>", {"a": "x"})
    repository, ids = make_repository(builder, "project")
    client.force_login(repository.owner)
    client.post("/project/refresh")  # an entry of the journal
    atom, space = client.get(f"/{place}/atom"), "{http://www.w3.org/2005/Atom}"
    feed = ET.fromstring(atom.content)
    links = {link.get("rel"): link.get("href") for link in feed.findall(f"{space}link")}
    assert links["self"] == f"http://testserver/{place}/atom"
    assert feed.findtext(f"{space}id") == links["alternate"] != "http://testserver/"
    entries = feed.findall(f"{space}entry")
    assert entries
    for entry in entries:
        assert all(entry.findtext(f"{space}{name}") for name in ("id", "title", "updated"))
        assert entry.findtext(f"{space}author/{space}name")
    items = ET.fromstring(client.get(f"/{place}/rss").content).findall("channel/item")
    for item in items:
        guid = item.find("guid")
        assert guid.text.startswith("http://testserver/")
        assert (guid.get("isPermaLink") == "true") == (guid.text == item.findtext("link"))
    if place == "project/feed":  # readers take it for HTML
        assert items[0].findtext("description") == "<p>one</p>\n\n<p>&lt;b&gt;two&lt;/b&gt;</p>"
        assert items[0].findtext("guid").endswith(ids["one"])


def test_a_wrong_key_is_refused_even_where_none_is_needed(client, project):
    repository, _ = project
    UserFactory()
    for headers in ({"Authorization": "Bearer nonsense"}, {"Authentication": "Bearer nonsense"}):
        assert client.get(f"/{repository.name}/raw/tip/README", headers=headers).status_code == 403
