"""The example site of a first start, made by the services: people, groups, two repositories, and reviews."""

from __future__ import annotations

from accounts.actors import Actor
from accounts.models import User
from accounts.permissions import DEFAULT_USER_ID, Level
from accounts.services import user_groups, users
from kallithea_site.demo_history import ANNA, BEN, ZOE, write_tides
from repos.models import Repository, RepositoryGroup
from repos.services import changes, grants, repositories, repository_groups
from reviews.models import MailPreference
from reviews.services import comments, notices, pull_requests

DESCRIPTIONS = {
    "hg": "Mercurial: when the water comes and when it goes",
    "git": "Git: the same story, told with the other tool",
}


def create_example_site(admin: User) -> None:
    """Everything below the repository group ``examples``; nobody here has a password until an administrator sets one.

    Anna owns, Ben may write as a developer, Zoë may read and asks for a review; visitors see the Git repository and not
    the Mercurial one.
    """
    actor = Actor(admin)
    anna, ben, zoe = (
        users.create(
            actor=actor,
            username=username,
            email=email,
            firstname=name.partition(" ")[0],
            lastname=name.partition(" ")[2],
        )
        for username, (name, email, _zone) in (("anna", ANNA), ("ben", BEN), ("zoe", ZOE))
    )
    for person in (anna, ben, zoe):  # nobody reads at these addresses
        notices.prefer(actor=Actor(person), choice=MailPreference.Choice.NONE)
    developers = user_groups.create(actor=actor, name="developers", description="Who may push", owner=anna)
    for member in (anna, ben):
        user_groups.add_member(actor=actor, group=developers, user=member)
    group = repository_groups.create(actor=actor, name="examples", owner=anna, description="Something to look at")
    for kind, name in (("hg", "tides-hg"), ("git", "tides-git")):
        repository = create_repository(actor, group, kind, name, anna)
        grants.grant(actor=actor, on=repository, to=developers, level=Level.WRITE)
        grants.grant(actor=actor, on=repository, to=zoe, level=Level.READ)
        if kind == "hg":
            everybody = User.objects.get(pk=DEFAULT_USER_ID)
            grants.grant(actor=actor, on=repository, to=everybody, level=Level.NONE)
        open_pull_request(repository, author=zoe, reviewers=(anna, ben))


def create_repository(actor: Actor, group: RepositoryGroup, kind: str, name: str, owner: User) -> Repository:
    """One repository with the whole history in it."""
    repository = repositories.create(
        actor=actor,
        name=name,
        group=group,
        kind=kind,
        owner=owner,
        description=DESCRIPTIONS[kind],
        enable_downloads=True,
    )
    write_tides(repository.vcs, "Tides")
    changes.refresh(repository)
    return repository


def open_pull_request(repository: Repository, *, author: User, reviewers: tuple[User, User]) -> None:
    """A review that has begun: one reviewer has asked about a line."""
    pull_request = pull_requests.open_pull_request(
        actor=Actor(author),
        origin=repository,
        origin_ref="branch:wind",
        target=repository,
        target_ref=f"branch:{repository.vcs.refs().head}",
        title="Add the wind to the height",
        description="Storms move more water than the moon does. The factor is for **shallow** coasts.",
        reviewers=reviewers,
    )
    comments.respond(
        actor=Actor(reviewers[1]),
        pull_request=pull_request,
        text="Where does this number come from? The other constants name their source.",
        status="under_review",
        path="wind.py",
        side="new",
        line=6,
    )
