"""The command servers: many threads, other processes, early ends, sudden deaths."""

import os
import signal
from concurrent.futures import ThreadPoolExecutor

import pytest

from repos.vcs import hg_server
from repos.vcs.errors import RepositoryNotFound, RevisionNotFound, TooLarge, ToolTimeout
from repos.vcs.hg import HgRepository
from repos.vcs.types import LogQuery
from tests.repo_builder import RepoBuilder, hg


@pytest.fixture(autouse=True)
def _fresh_servers():
    hg_server.close_servers()
    yield
    hg_server.close_servers()


@pytest.fixture
def built(tmp_path):
    builder = RepoBuilder("hg")
    for number in range(20):
        builder.commit(f"c{number}", {"a.txt": f"{number}\n", f"f{number}.txt": "x\n"})
    ids = builder.build(tmp_path / "r")
    return HgRepository(tmp_path / "r"), ids


def servers() -> set[int]:
    """Process ids of our children that serve Mercurial."""
    found = set()
    for pid in os.listdir("/proc"):
        if pid.isdigit():
            try:
                with open(f"/proc/{pid}/stat") as stat, open(f"/proc/{pid}/cmdline") as command:
                    if (
                        int(stat.read().rpartition(")")[2].split()[1]) == os.getpid()
                        and "--cmdserver" in command.read()
                    ):
                        found.add(int(pid))
            except (FileNotFoundError, ProcessLookupError):
                continue
    return found


def test_questions_share_one_server(built, tmp_path):
    repository, _ = built
    repository.tip()
    before = servers()
    HgRepository.create(tmp_path / "other")
    for _ in range(5):
        repository.count()
        assert HgRepository(tmp_path / "other").is_empty()
    assert len(before) == 1
    assert servers() == before


def test_threads_get_right_answers_from_few_servers(built):
    repository, ids = built
    names = list(ids)

    def ask(number: int) -> bool:
        name = names[number % len(names)]
        changeset = repository.changeset(ids[name], with_files=True)
        return changeset.message == name and f"f{name[1:]}.txt" in changeset.files.added

    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(ask, range(400)))
    assert answers == [True] * 400
    assert 1 <= len(servers()) <= hg_server.MAX_SERVERS


def test_changes_by_other_processes_are_seen_at_once(built):
    repository, ids = built
    assert repository.count() == 20
    state = repository.state()

    hg(repository.path, "bookmark", "-r", "0", "mark")
    assert repository.refs().bookmarks == {"mark": ids["c0"]}
    hg(repository.path, "bookmark", "-f", "-r", "1", "mark")  # same size, same second
    assert repository.refs().bookmarks == {"mark": ids["c1"]}
    assert repository.resolve("mark").raw_id == ids["c1"]
    assert repository.state() != state
    state = repository.state()

    hg(repository.path, "update", "-q", "tip")
    (repository.path / "a.txt").write_text("by hand\n")
    hg(repository.path, "commit", "-q", "-m", "by hand", "-u", "x")
    assert repository.count() == 21
    assert repository.changeset(repository.tip().raw_id).message == "by hand"
    assert repository.state() != state
    state = repository.state()

    hg(repository.path, "--config", "extensions.strip=", "strip", "-q", "--no-backup", "10")
    assert repository.count() == 10
    assert repository.tip().raw_id == ids["c9"]
    with pytest.raises(RevisionNotFound):
        repository.changeset(ids["c10"])
    assert repository.state() != state


def test_another_repository_in_the_same_place_is_seen(built):
    repository, _ = built
    assert repository.count() == 20
    repository.path.rename(repository.path.with_name("moved"))
    with pytest.raises(RepositoryNotFound):
        repository.count()
    HgRepository.create(repository.path)
    assert repository.count() == 0


def test_a_killed_server_is_replaced(built):
    repository, ids = built
    repository.tip()
    (pid,) = servers()
    os.kill(pid, signal.SIGKILL)
    assert repository.tip().raw_id == ids["c19"]
    assert pid not in servers()


def test_a_server_retires_after_its_share_of_questions(built, monkeypatch):
    repository, _ = built
    monkeypatch.setattr(hg_server, "MAX_QUESTIONS", 3)
    seen = set()
    for _ in range(9):
        assert repository.count() == 20
        seen |= servers()
    assert len(seen) >= 3


@pytest.fixture
def large(tmp_path):
    builder = RepoBuilder("hg")
    builder.commit("large", {"large.txt": "".join(f"line {number}\n" for number in range(600_000))})
    builder.commit("small", {"small.txt": "small\n"})
    ids = builder.build(tmp_path / "large")
    return HgRepository(tmp_path / "large"), ids


def test_slow_readers_hold_no_server(large):
    repository, ids = large
    repository.tip()
    before = servers()
    answers = [repository.diff(None, ids["large"]) for _ in range(hg_server.MAX_SERVERS + 2)]
    answers += [repository.stream_file(ids["large"], "large.txt") for _ in range(3)]
    starts = [next(answer) for answer in answers]
    assert repository.tip().raw_id == ids["small"]
    assert servers() == before
    header = "diff --git a/large.txt b/large.txt\nnew file mode 100644\n--- /dev/null\n+++ b/large.txt\n"
    whole = header + "@@ -0,0 +1,600000 @@\n" + "".join(f"+line {number}\n" for number in range(600_000))
    assert all(
        b"".join([start, *answer]) == whole.encode() for start, answer in zip(starts, answers[:-3], strict=False)
    )
    for answer in answers[-3:]:
        answer.close()
        assert list(answer) == []


def test_leaving_a_long_answer_early_ends_its_server_and_no_more(large):
    repository, ids = large
    raw_ids = [ids["small"], ids["large"]] * 20_000
    for _ in range(hg_server.MAX_SERVERS + 2):
        changesets = repository.changesets(raw_ids)
        assert next(changesets).message == "small"
        changesets.close()
        repository.changesets(raw_ids)  # and without a word
    assert servers() == set()
    assert len(list(repository.changesets(raw_ids))) == 40_000
    assert len(servers()) == 1


def test_an_answer_too_large_to_keep_is_an_error(large, monkeypatch):
    repository, ids = large
    monkeypatch.setattr(hg_server, "MAX_SPOOLED", 3 << 20)
    with pytest.raises(TooLarge):
        repository.diff(None, ids["large"])
    assert repository.tip().raw_id == ids["small"]


def test_a_question_that_takes_too_long_is_ended(large):
    repository, ids = large
    repository.tip()
    (pid,) = servers()
    with pytest.raises(ToolTimeout):
        hg_server.ask("annotate", repository.path, timeout=0.01, raw_id=ids["large"], path="large.txt", max_bytes=10**9)
    assert pid not in servers()
    assert repository.tip().raw_id == ids["small"]


def test_a_forked_child_has_servers_of_its_own(built):
    repository, ids = built
    repository.tip()
    before = servers()
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.write(write, repository.tip().raw_id.encode() + b" %d" % len(servers()))
        finally:
            os._exit(0)
    os.close(write)
    os.waitpid(child, 0)
    with os.fdopen(read) as answer:
        assert answer.read() == f"{ids['c19']} 1"
    assert servers() == before
    assert repository.tip().raw_id == ids["c19"]


def test_close_lets_go_of_the_folder(built):
    repository, _ = built
    list(repository.changesets([position.raw_id for position in repository.positions(LogQuery())], with_files=True))
    repository.close()
    (pid,) = servers()
    opened = [os.readlink(f"/proc/{pid}/fd/{fd}") for fd in os.listdir(f"/proc/{pid}/fd")]
    with open(f"/proc/{pid}/maps") as maps:
        opened.append(maps.read())
    assert not any(str(repository.path) in name for name in opened)
