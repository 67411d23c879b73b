"""The admin panel shows reviews and changes none; policies and preferences go through their services."""

import pytest
from django.urls import reverse

from accounts.models import JournalEntry
from reviews.models import MailPreference, ReviewPolicy
from reviews.services.comments import comment_changeset, edit
from tests.api.reviewing import make_reviewed
from tests.factories import actor

pytestmark = pytest.mark.django_db


@pytest.fixture
def reviewed(db, client, repositories_root):
    made = make_reviewed("git", repositories_root)
    comment = comment_changeset(
        actor=actor(made.owner), repository=made.repository, raw_id=made.ids["one"], text="x", status=None
    )
    edit(actor=actor(made.owner), comment=comment, text="y")
    ReviewPolicy.objects.create(repository=made.repository)
    MailPreference.objects.create(user=made.owner)
    client.force_login(made.repository.owner)
    yield made
    made.repository.vcs.close()


@pytest.mark.parametrize("name", ["pullrequest", "comment", "changesetstatus", "reviewpolicy", "mailpreference"])
def test_lists_and_details(client, reviewed, name):
    from django.apps import apps

    row = apps.get_model("reviews", name).objects.first()
    assert client.get(reverse(f"admin:reviews_{name}_changelist"), {"q": "code"}).status_code == 200
    assert client.get(reverse(f"admin:reviews_{name}_change", args=[row.pk])).status_code == 200


@pytest.mark.parametrize("name", ["pullrequest", "comment", "changesetstatus"])
def test_nothing_is_written(client, reviewed, name):
    from django.apps import apps

    row = apps.get_model("reviews", name).objects.first()
    assert client.get(reverse(f"admin:reviews_{name}_add")).status_code == 403
    assert client.post(reverse(f"admin:reviews_{name}_delete", args=[row.pk]), {"post": "yes"}).status_code == 403
    assert client.post(reverse(f"admin:reviews_{name}_change", args=[row.pk]), {}).status_code == 403
    row.refresh_from_db()


def test_search_by_what_people_know(client, reviewed):
    words = {
        "pullrequest": [str(reviewed.number), "☃", "olga", reviewed.owner.email, "code", reviewed.ids["two"][:8]],
        "comment": ["olga", reviewed.owner.email, "y", reviewed.ids["one"][:8]],
        "changesetstatus": ["olga", reviewed.owner.email, "code", reviewed.ids["one"][:8]],
    }
    for name, known in words.items():
        for word in known:
            found = client.get(reverse(f"admin:reviews_{name}_changelist"), {"q": word}).context["cl"].result_list
            assert len(found) >= 1, (name, word)
        nothing = client.get(reverse(f"admin:reviews_{name}_changelist"), {"q": "nosuch"}).context["cl"].result_list
        assert len(nothing) == 0


def test_policies_and_preferences_are_written_down(client, reviewed):
    repository, owner = reviewed.repository, reviewed.owner
    wanted = {"repository": repository.pk, "needs_approval": "on"}
    assert client.post(reverse("admin:reviews_reviewpolicy_add"), wanted).status_code == 302
    policy = ReviewPolicy.objects.get()
    assert (policy.needs_approval, policy.fast_forward) == (True, False)
    client.post(reverse("admin:reviews_reviewpolicy_change", args=[policy.pk]), {"fast_forward": "on"})
    policy.refresh_from_db()
    assert (policy.needs_approval, policy.fast_forward) == (False, True)
    client.post(reverse("admin:reviews_reviewpolicy_delete", args=[policy.pk]), {"post": "yes"})
    assert not ReviewPolicy.objects.exists()
    preference = MailPreference.objects.get()
    client.post(reverse("admin:reviews_mailpreference_change", args=[preference.pk]), {"choice": "none"})
    assert MailPreference.objects.get(user=owner).choice == "none"
    assert list(JournalEntry.objects.order_by("pk").values_list("action", "subject_name"))[-4:] == [
        ("set_review_policy", "code"),
        ("set_review_policy", "code"),
        ("forget_review_policy", "code"),
        ("set_mail_preference", "olga"),
    ]
