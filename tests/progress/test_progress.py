"""What goes on: work, what is left of it, and how it is shown."""

import io
import time

import pytest
from rich.console import Console

from snnexp.progress.display import PER_SECOND, Display
from snnexp.progress.durations import clock
from snnexp.progress.forecast import Forecast, Part
from snnexp.progress.work import Work, advance, doing, followed, inner_share, now, place_of, within


@pytest.mark.parametrize(
    "seconds, text",
    [(0, "0:00"), (6.2, "0:07"), (70, "1:10"), (3600, "1:00:00"), (180000, "2 d 2:00:00")],
)
def test_times_are_read_off_a_clock(seconds, text):
    assert clock(seconds) == text


def test_a_part_at_hand_counts_by_what_is_done_within():
    with within("convert"), doing("evaluating", 8, "batches"), doing("running", 4, "timesteps"):
        labels, works = now()
        works[0].advance(3)
        advance(1)
        assert labels == ("convert",) and inner_share(works) == 0.25
        assert works[0].share(inner_share(works)) == 3.25 / 8
    assert now() == ((), ())


def test_timesteps_are_never_taken_for_batches():
    with doing("evaluating", 8, "batches") as work:
        advance(100)
        assert work.done == 0


def test_the_first_part_does_not_count_for_the_pace():
    work = Work("training", 10, "batches", 0.0, first=2)
    assert work.pace() is None
    work.advance()
    work.advance()
    work.warm, work.last = 5.0, 7.0
    assert work.pace() == 2.0


def test_an_error_keeps_where_it_was_and_leaves_nothing():
    def batches():
        with doing("evaluating", 2, "batches"):
            yield from range(2)

    with pytest.raises(KeyboardInterrupt) as kept, within("train"):
        for _ in batches():
            with doing("running", 4, "timesteps"):
                raise KeyboardInterrupt
    labels, works = place_of(kept.value)
    assert labels == ("train",) and [work.verb for work in works] == ["evaluating", "running"]
    assert now() == ((), ())


def forecast() -> Forecast:
    return Forecast(
        [
            Part("pretrain", "training", 100.0, 0.1),
            Part("convert", "making", 20.0, 0.5),
            Part("convert", "evaluating", 50.0, 0.2),
        ]
    )


def test_what_is_left_is_that_of_all_stages():
    ahead = forecast()
    assert ahead.left() == pytest.approx(30.0) and ahead.seconds_of("convert") == 20.0
    ahead.finish("pretrain")
    assert ahead.left() == pytest.approx(20.0)
    ahead.parts[2].rate = None
    assert ahead.left() is None and ahead.seconds_of("convert") is None


def test_a_guess_gives_way_to_what_is_measured():
    ahead = forecast()
    work = Work("training", 10, "batches", 50.0, 0)
    work.done, work.warm, work.last = 10, 1.0, 10.0  # a second per batch of 5
    ahead.take(("pretrain", "epoch 1/2"), work)
    assert ahead.parts[0].rate == pytest.approx(0.2)
    assert ahead.left() == pytest.approx(0.2 * 50 + 20)


def test_work_at_hand_counts_as_far_as_it_is():
    ahead = forecast()
    with followed(ahead.take), within("pretrain"), doing("training", 4, "batches", 100.0) as work:
        work.done, work.warm, work.last = 3, 0.0, 4.0
        assert ahead.left() == pytest.approx(100 * 0.25 * (2 * 4 / 100) + 20)
    assert ahead.parts[0].done == 75.0


@pytest.mark.parametrize("width", [80, 120, 200])
def test_lines_fit_the_terminal(width):
    page = io.StringIO()
    screen = Console(file=page, width=width, force_terminal=True, color_system=None)
    display = Display(screen)
    display.forecast = forecast()
    with within("convert"), doing("evaluating", 8, "batches") as work:
        work.begun = time.perf_counter() - 30
        work.done, work.warm, work.last = 3, work.begun, work.begun + 28
        with doing("running", 2000, "timesteps"):
            advance(640)
            screen.print(display.lines())
    lines = page.getvalue().splitlines()
    assert len(lines) == 2 and all(len(line) <= width for line in lines)
    assert lines[0].startswith("evaluating convert  ")
    assert "3/8 batches, T = 2000, t = 640  " in lines[0] and " left" in lines[0]
    assert lines[1].startswith("whole run") and lines[1].rstrip().endswith(" left")


def test_what_does_not_say_how_far_it_is_moves_all_the_same():
    page = io.StringIO()
    display = Display(Console(file=page, width=80, force_terminal=True), "loading PyTorch")
    display.idle_since -= 7
    display.live.console.print(display.lines())
    assert page.getvalue().startswith("loading PyTorch") and "0:08" in page.getvalue()


def test_to_advance_costs_nothing_beside_a_step():
    with doing("training", 10_000, "batches") as work:
        begun = time.process_time()
        for _ in range(10_000):
            work.advance()
        assert (time.process_time() - begun) / 10_000 < 1e-5


def test_drawing_takes_less_than_two_hundredths_of_a_processor():
    display = Display(Console(file=io.StringIO(), force_terminal=True, width=120, height=40))
    parts = [Part("train", kind, 1000.0, 0.1) for kind in ("training", "evaluating")]
    display.forecast = Forecast(parts)
    with within("train"), within("epoch 1/20"), doing("training", 100, "batches", 1000.0) as work:
        work.advance()
        screen = display.live.console
        screen.print(display.lines())
        begun = time.thread_time()
        for _ in range(40):
            screen.print(display.lines())
        taken = (time.thread_time() - begun) / 40
    assert taken * PER_SECOND < 0.02
