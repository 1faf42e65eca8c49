"""Tables as text, in the forms people use."""

import csv
import io
from html import escape

Lines = list[dict[str, str]]

STYLE = """
body { font: 14px/1.45 system-ui, sans-serif; margin: 2rem; color: #1b1f24; background: #fff; }
h1 { font-size: 1.25rem; }
p { color: #57606a; max-width: 60rem; }
table { border-collapse: collapse; }
th, td { padding: .3rem .6rem; text-align: left; vertical-align: top;
  border-bottom: 1px solid #d8dee4; }
th { position: sticky; top: 0; background: #f6f8fa; }
td.figure { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
code { font-size: .85em; overflow-wrap: anywhere; }
.reproduced, .above { background: #d7f0e3; }
.below { background: #fbe0d2; }
.partial { background: #fdf3c8; }
.not-run, .no-experiment { color: #8b949e; }
"""


def as_csv(columns: list[str], lines: Lines) -> str:
    """Every column, with a header."""
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows(lines)
    return text.getvalue()


def as_markdown(title: str, columns: list[str], lines: Lines) -> str:
    """A table for a README, with a title."""
    return f"**{title}**\n\n{markdown_table(columns, lines)}"


def markdown_table(columns: list[str], lines: Lines) -> str:
    """A table in Markdown."""
    rows = [[line[column] for column in columns] for line in lines]
    head, *body = (f"| {' | '.join(map(_cell, row))} |" for row in [columns, *rows])
    return "\n".join([head, f"|{'---|' * len(columns)}", *body]) + "\n"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def as_html(title: str, note: str, columns: dict[str, str], figures: set[str], lines: Lines) -> str:
    """A page that needs nothing else; a row has its status as class, for its colour.

    Args:
        title: of the page.
        note: a sentence above the table.
        columns: what each column is called, by its key in the lines.
        figures: the keys whose cells are numbers.
        lines: the rows.
    """
    head = "".join(f"<th>{escape(name)}</th>" for name in columns.values())
    rows = "\n".join(
        f"<tr>{''.join(_html_cell(key, line, figures) for key in columns)}</tr>" for line in lines
    )
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<title>{escape(title)}</title><style>{STYLE}</style></head>
<body><h1>{escape(title)}</h1><p>{escape(note)}</p>
<table><thead><tr>{head}</tr></thead><tbody>
{rows}
</tbody></table></body></html>
"""


def _html_cell(key: str, line: dict[str, str], figures: set[str]) -> str:
    text = escape(line[key])
    if key == "status":
        return f'<td class="{escape(line[key].replace(" ", "-"))}">{text}</td>'
    if key == "command":
        return f"<td><code>{text}</code></td>" if text else "<td></td>"
    return f'<td class="figure">{text}</td>' if key in figures else f"<td>{text}</td>"
