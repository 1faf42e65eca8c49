"""A look into networks for reports and plots: what is to be seen, and why nothing can be."""

import argparse
from pathlib import Path

from snnexp.cli.gathered import Looking, Seen
from snnexp.files.visible import one_line
from snnexp.files.weights import weights_in
from snnexp.progress.waiting import waiting
from snnexp.report.answers import Answers

NO_WEIGHTS = "no weights beside this result, so the network cannot be looked into"


def add_look(parser: argparse.ArgumentParser) -> None:
    """Adds the options that say what is to be looked at."""
    parser.add_argument(
        "--images",
        type=_numbers,
        metavar="N,N",
        help="images of the test set to look at, from 0 (the first two; where answers are kept, "
        "the first and the first that is wrong)",
    )
    parser.add_argument(
        "--layers", type=_words, default=(), metavar="NAME,NAME", help="layers to look at (six)"
    )
    parser.add_argument(
        "--neurons",
        type=_numbers,
        default=(),
        metavar="N,N",
        help="neurons of each layer, from 0 (24 between those that fire most and least)",
    )


def _words(text: str) -> tuple[str, ...]:
    return tuple(filter(None, (word.strip() for word in text.split(","))))


def _numbers(text: str) -> tuple[int, ...]:
    try:
        found = tuple(dict.fromkeys(int(word) for word in _words(text)))
    except ValueError:
        found = ()
    if not found or min(found) < 0:
        raise argparse.ArgumentTypeError(f"{text!r} should be numbers from 0 on, such as 0,5")
    return found


def looking(chosen: argparse.Namespace) -> Looking:
    """How to look into networks, as the options say. PyTorch is imported by the first look."""

    def look(run: Path, answers: Answers | None) -> Seen:
        if not weights_in(run).exists():
            return (), NO_WEIGHTS
        images = chosen.images or _images(answers)
        with waiting("looking into the network"):
            return _seen(run, images, chosen)

    return look


def _images(answers: Answers | None) -> tuple[int, ...]:
    wrong = None if answers is None else answers.first_wrong
    return (0, 1 if wrong in (None, 0) else wrong)


def _seen(run: Path, images: tuple[int, ...], chosen: argparse.Namespace) -> Seen:
    from snnexp.reopen.glimpses import glimpses
    from snnexp.reopen.look import Look

    try:
        return glimpses(run, Look(images, chosen.layers, chosen.neurons)), ""
    except Exception as error:  # a report of what is known is better than none
        return (), f"the network cannot be looked into: {one_line(error)}"
