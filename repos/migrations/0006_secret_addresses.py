from django.db import migrations

import repos.models.fields


def encrypt(apps, schema_editor):
    """Writing an address again is what encrypts the password in it."""
    repositories = apps.get_model("repos", "Repository").objects.filter(clone_uri__contains="@")
    for repository in repositories.only("clone_uri").iterator():
        repository.save(update_fields=["clone_uri"])


class Migration(migrations.Migration):

    dependencies = [
        ('repos', '0005_archived'),
    ]

    operations = [
        migrations.AlterField(
            model_name='repository',
            name='clone_uri',
            field=repos.models.fields.RemoteAddressField(blank=True, max_length=1024, null=True, verbose_name='pulled from'),
        ),
        migrations.RunPython(encrypt, migrations.RunPython.noop),
    ]
