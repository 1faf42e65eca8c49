"""Early exit in words."""

from snnexp.report.lines import in_units
from snnexp.results.parts import Exit
from snnexp.results.stage import StageResult


def exit_lines(result: StageResult) -> list[str]:
    """A line for every rule that was learned on the validation split, or that norms bring, such as
    `margin >= 0.62: 93.01 % at mean t = 2.41`.
    """
    return [_line(row) for row in result.exits or [] if row.learned or row.rule == "scales"]


def _line(row: Exit) -> str:
    sign = "<" if row.rule == "scales" else ">="
    words = f"{row.rule} {sign} {row.threshold:.3g}: {row.accuracy:.2f} % at mean t = "
    words += f"{row.timesteps:.3g}"
    model, joule = next(iter(row.joule.items()), ("", 0.0))
    return f"{words}, {in_units(joule, 'J')} ({model})" if model else words
