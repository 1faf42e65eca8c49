"""The published rows, as data.

Source: M. Dampfhoffer, T. Mesquida, A. Valentian, L. Anghel, Backpropagation-based learning
techniques for deep spiking neural networks: a survey, IEEE Transactions on Neural Networks and
Learning Systems, 2023: Tables I, II, III and the figures of its running text.
"""

import csv
from dataclasses import dataclass, fields
from importlib.resources import files

TABLES = ("1", "2", "3", "text")


@dataclass(frozen=True)
class Row:
    """One published result; empty strings where the survey states nothing.

    Args:
        id: name by which experiments refer to the row.
        table: "1", "2", "3" or "text".
        reference: number of the paper in the survey.
        timesteps: T of inference.
        accuracy: published top-1 accuracy in percent.
    """

    id: str
    table: str
    dataset: str
    reference: str
    citation: str
    strategy: str
    coding: str
    neuron: str
    synapse: str
    architecture: str
    parameters: str
    encoding_layer: str
    regularization: str
    additional: str
    timesteps: str
    accuracy: str


def rows(table: str) -> list[Row]:
    """The rows of a table, in the survey's order."""
    with (files("snnexp.survey") / "rows.csv").open(newline="", encoding="utf-8") as file:
        return [
            row for row in (Row(**fields) for fields in csv.DictReader(file)) if row.table == table
        ]


def every_row() -> dict[str, Row]:
    """The rows of all tables by name."""
    return {row.id: row for table in TABLES for row in rows(table)}


def no_row() -> Row:
    """A row that states nothing, for runs that stand for none."""
    return Row(**{field.name: "" for field in fields(Row)})
