"""The anonymous visitor, number 1, with the global permissions of a fresh Kallithea."""

from django.db import migrations

DEFAULTS = (
    "hg.create.repository",
    "hg.fork.repository",
    "hg.register.manual_activate",
    "hg.extern_activate.auto",
    "repository.read",
    "group.read",
    "usergroup.read",
)


def create_default_user(apps, schema_editor):
    User = apps.get_model("accounts", "User")
    GlobalGrant = apps.get_model("accounts", "GlobalGrant")
    # No explicit number: it is the first row, and the database's own counter must know of it.
    user = User.objects.create(
        username="default", firstname="Anonymous", lastname="User", email="anonymous@kallithea-scm.org",
        password="!", extern_type=None,
    )
    assert user.pk == 1, "the default user must be the first"
    GlobalGrant.objects.bulk_create(
        GlobalGrant(user=user, kind=permission.rpartition(".")[0], permission=permission) for permission in DEFAULTS
    )


class Migration(migrations.Migration):
    dependencies = [("accounts", "0001_initial")]
    operations = [migrations.RunPython(create_default_user, migrations.RunPython.noop)]
