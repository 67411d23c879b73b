"""Gists, user groups and permissions of groups on pages."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from accounts.permissions import Level
from repos.models import Gist
from tests.factories import RepositoryGroupFactory, UserFactory, UserGroupFactory, grant

pytestmark = pytest.mark.django_db
EVIL = "<script>alert(1)</script>"


def test_a_gist_is_made_shown_and_deleted(client, repositories_root):
    owner, stranger = UserFactory(), UserFactory()
    client.force_login(owner)
    values = {"description": EVIL, "filename": "a.html", "content": f"{EVIL}\n", "lifetime": "-1"}
    made = client.post("/_admin/gists/new", values)
    assert made.status_code == 302, made.content.decode()
    gist = Gist.objects.get()
    assert not gist.is_public
    client.force_login(stranger)
    shown = client.get(made["Location"]).content.decode()
    assert EVIL not in shown
    assert 'tag warn">private' in shown
    assert 'id="F1L1"' in shown
    raw = client.get(f"{made['Location']}/raw/a.html")
    assert raw["Content-Type"].startswith("text/plain")
    assert "sandbox" in raw["Content-Security-Policy"]
    assert gist.access_id not in client.get("/_admin/gists").content.decode()
    assert client.post(f"{made['Location']}/delete").status_code == 403
    gist.expires_on = timezone.now() - timedelta(hours=1)
    gist.save()
    assert client.get(made["Location"]).status_code == 404
    client.force_login(owner)
    assert client.get(made["Location"]).status_code == 200
    assert client.post(f"{made['Location']}/delete").status_code == 302
    assert not Gist.objects.exists()


def test_an_admin_of_a_user_group_changes_its_members(client):
    boss, member = UserFactory(), UserFactory()
    group = UserGroupFactory(owner=boss)
    path = f"/_admin/my_account/user_groups/{group.pk}"
    client.force_login(boss)
    assert group.name in client.get("/_admin/my_account/user_groups").content.decode()
    client.post(path, {"username": member.username.upper()})
    assert member in group.members.all()
    assert client.post(path, {"remove": "9" * 5000}).status_code == 404
    client.post(path, {"remove": member.pk})
    assert member not in group.members.all()
    client.force_login(member)
    assert client.get(path).status_code == 404


def test_an_admin_of_a_group_grants_on_it(client):
    boss, friend = UserFactory(), UserFactory()
    group = RepositoryGroupFactory(name="team")
    path = f"/_admin/repo_groups/{group.pk}/permissions"
    client.force_login(boss)
    assert client.get(path).status_code == 404
    grant(group, boss, Level.ADMIN)
    values = {"subject_type": "user", "subject": friend.username, "level": "2"}
    assert client.post(path, values).status_code == 302
    assert group.grants.get(user=friend).level == Level.WRITE
