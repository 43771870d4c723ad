from __future__ import annotations

import io

import pytest

from nmt.study.events import Event, EventReporter, Failed, Finished, Moved, parsed, written


@pytest.mark.parametrize(
    "event", [Moved("train", 3, 8, "loss 2", 1.5), Finished({"mine": "/a\nb"}), Failed("a\nreason with “quotes”")]
)
def test_an_event_is_one_line_and_comes_back(event: Event) -> None:
    line = written(event)
    assert line.count("\n") == 1
    assert parsed(line) == event


@pytest.mark.parametrize("line", ["", "hello\n", "3\n", "[]", "{}", '{"event": "Unknown"}', '{"event": "Failed"}'])
def test_other_text_is_no_event(line: str) -> None:
    assert parsed(line) is None


def test_progress_is_sent_a_few_times_a_second_and_the_rest_is_logged() -> None:
    events, log = io.StringIO(), io.StringIO()
    reporter = EventReporter(events, log)
    reporter.stage_started("train", "first time")
    for done in range(1000):
        reporter.progress(done, 1000, "")
    reporter.log("a message")
    reporter.stage_done("train", 2.0)
    reporter.stage_reused("model", "unchanged")
    assert 2 <= events.getvalue().count("\n") < 100
    assert log.getvalue() == "train: first time\ntrain: a message\ntrain: done in 2.0 s\nmodel: reused (unchanged)\n"
