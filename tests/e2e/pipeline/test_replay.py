"""producers/replay alone against a real Kafka: what is sent when a file grows, is written anew, or comes by a pipe."""
import json
import subprocess

import pytest
from city import City
from harness import paths

MAPPING = "platform: board\naccount: city\nkind: LETTER\ncolumns: {native_id: id, text: text, occurred: time}\n"


@pytest.fixture(scope="module")
def city():
    with City(programs=()) as made:
        yield made


class Job:
    """A file and its mapping, in a folder of its own."""

    def __init__(self, city, folder):
        self.city, self.file, self.mapping = city, folder / "messages.jsonl", folder / "mapping.yaml"
        self.mapping.write_text(MAPPING + f"language: zh-{folder.name}\n")  # another mapping is another job

    def row(self, name, text="路灯不亮" * 40):
        return json.dumps({"id": f"{self.file}-{name}", "text": text, "time": "2026-03-02 09:00:00"}, ensure_ascii=False) + "\n"

    def write(self, *names, mode="w"):
        with open(self.file, mode, encoding="utf-8") as out:
            out.writelines(self.row(name) for name in names)

    def run(self, *options, source=None, given=None):
        """(exit code, what it said)."""
        argv = [paths.program("replay"), "--config", str(self.city.config), "--mapping", str(self.mapping), *options,
                str(source or self.file)]
        done = subprocess.run(argv, capture_output=True, text=True, input=given, timeout=120)
        return done.returncode, done.stderr

    def sent(self):
        """The names of this job's rows in Kafka, in order."""
        mark = f"{self.file}-"
        records = sorted(self.city.read("hy.comments", "Event"), key=lambda one: (one[0].timestamp, one[0].offset))
        return [m.native_id.removeprefix(mark) for _, m in records if m.native_id.startswith(mark)]


@pytest.fixture
def job(city, tmp_path):
    return Job(city, tmp_path)


def test_a_second_run_sends_nothing_and_restart_sends_all(job):
    job.write("a", "b")
    assert job.run()[0] == 0 and job.run()[0] == 0
    assert sorted(job.sent()) == ["a", "b"]
    assert job.run("--restart")[0] == 0
    assert sorted(job.sent()) == ["a", "a", "b", "b"]


def test_of_a_file_that_grew_only_the_new_rows_are_sent(job):
    first = [f"{i}" for i in range(30)]
    job.write(*first)
    assert job.run()[0] == 0
    job.write("new", mode="a")
    code, said = job.run()
    assert code == 0 and "sent 1, skipped 30" in said
    assert sorted(job.sent()) == sorted([*first, "new"])


def test_a_file_written_anew_under_the_old_name_is_sent_from_its_first_row(job):
    job.write("a", "b", "c")
    assert job.run()[0] == 0
    job.write("d", "e")
    assert job.run()[0] == 0
    assert sorted(job.sent()) == ["a", "b", "c", "d", "e"]


def test_what_comes_by_a_pipe_is_sent_whole_each_time(job):
    assert job.run(source="-", given=job.row("a") + job.row("b"))[0] == 0
    assert job.run(source="-", given=job.row("c"))[0] == 0
    assert sorted(job.sent()) == ["a", "b", "c"]


def test_times_of_a_pipe_cannot_be_shifted_and_it_says_why(job):
    code, said = job.run("--shift-times", "end", source="-", given=job.row("a"))
    assert code == 1 and "shift" in said and "file" in said and job.sent() == []


def test_a_refused_row_is_told_with_its_place_and_reason_and_the_others_are_sent(job, tmp_path):
    job.write("a")
    with open(job.file, "a", encoding="utf-8") as out:
        out.write('{"id": "x", "text": "没有时间"}\nnot json\n' + job.row("b"))
    code, said = job.run("--rejects", str(tmp_path / "rejects"))
    told = (tmp_path / "rejects").read_text().splitlines()
    assert code == 1 and "2 rows were refused" in said
    assert sorted(job.sent()) == ["a", "b"]
    assert ["row 2" in told[0], "no time" in told[0], "row 3" in told[1], len(told)] == [True, True, True, 2]
    assert "没有" not in "".join(told), "rejects name the column, never its content"


@pytest.mark.parametrize("megabytes", [1.5, 3])
def test_a_row_too_large_for_the_topics_is_refused_and_the_others_are_sent(job, tmp_path, megabytes):
    with open(job.file, "w", encoding="utf-8") as out:
        out.write(job.row("a") + job.row("big", text="x" * int(megabytes * 2**20)) + job.row("b"))
    code, said = job.run("--rejects", str(tmp_path / "rejects"))
    (told,) = (tmp_path / "rejects").read_text().splitlines()
    assert code == 1 and "sent 2" in said and "1 rows were refused" in said, said[-2000:]
    assert "row 2" in told and "1048576 bytes" in told and "xxx" not in told
    assert sorted(job.sent()) == ["a", "b"]
    assert job.run()[0] == 0, "the rows are done with"


def test_a_wrong_mapping_is_refused_with_all_its_mistakes_and_nothing_is_sent(job):
    job.write("a")
    job.mapping.write_text("platform: board\nkind: LETER\ncolums: {native_id: id}\n")
    code, said = job.run()
    assert code == 1 and all(word in said for word in ("account", "LETER", "colums")) and job.sent() == []
