"""The check asks components what they can do, and knows none of them by name."""

import ast
from collections.abc import Iterator
from pathlib import Path
from pkgutil import iter_modules
from typing import ClassVar, get_origin, get_type_hints

import pytest

from snnexp.cell import Cell
from snnexp.configuration import rules
from snnexp.configuration.slots import SLOTS, ability, class_of
from tests.support.composed import every_option
from tests.support.options import written

FOLDER = Path(rules.__file__).parent
FILES = sorted(FOLDER.glob("*.py"))
DOCS = Path(__file__).parents[2] / "docs" / "components.md"
OPTIONS = ((group, option) for group, option in every_option() if group in SLOTS)
YAML = ((group, written(group, option)) for group, option in OPTIONS)
TARGETS = {(group, values["_target_"]) for group, values in YAML if "_target_" in values}
CLASSES = {target.rpartition(".")[2] for _, target in TARGETS}
NAMES = {name for name in CLASSES if name[0].isupper()} - {"Dataset"}
"""Of classes; functions are named as options are, which messages recommend, and every data set is a
`Dataset`, whose parts are the components.
"""
KINDS = {group: slot.abilities or slot.base for group, slot in SLOTS.items()}


def names_of_components(source: str) -> Iterator[str]:
    """The components of this package that a source names: as text, or by an import."""
    for part in ast.walk(ast.parse(source)):
        if isinstance(part, ast.Constant) and part.value in NAMES:
            yield part.value
        elif isinstance(part, ast.ImportFrom) and (part.module or "").startswith("snnexp."):
            yield from (alias.name for alias in part.names if alias.name in NAMES)


def comparisons_of_kinds(source: str) -> Iterator[str]:
    """What a source compares with the name of a class, which `kind` gives for messages alone."""
    for part in ast.walk(ast.parse(source)):
        if isinstance(part, ast.Compare) and "kind(" in ast.unparse(part):
            yield ast.unparse(part)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_rules_name_no_component(path):
    source = path.read_text()
    assert list(names_of_components(source)) == []
    assert list(comparisons_of_kinds(source)) == []


@pytest.mark.parametrize(
    "source, found",
    [
        ('kind(config["neuron"]) == "PLIF"', ["PLIF"]),
        ("from snnexp.neurons.first_spike import FirstSpike", ["FirstSpike"]),
        ("from collections.abc import Mapping", []),
        ('says(config, "neuron", "leaks")', []),
    ],
)
def test_a_name_in_a_rule_is_found(source, found):
    assert list(names_of_components(source)) == found
    assert len(list(comparisons_of_kinds(source))) == source.count("kind(")


def test_every_module_of_rules_is_asked():
    listed = {module.__name__.rpartition(".")[2] for module in rules.MODULES}
    assert listed == {name for _, name, _ in iter_modules([str(FOLDER)])} - {"reading"}
    assert len({rule.__name__ for rule in rules.RULES}) == len(rules.RULES)


def abilities(kind: type) -> set[str]:
    """What the class of a kind of components has annotated for them to state."""
    own = {
        name
        for base in kind.__mro__
        if base.__module__.startswith("snnexp.")
        for name, hint in vars(base).get("__annotations__", {}).items()
        if get_origin(hint) is ClassVar
    }
    return own - {"undecayed"}


STATED = [(group, name) for group, kind in KINDS.items() for name in sorted(abilities(kind))]


@pytest.mark.parametrize("group, name", STATED, ids=lambda each: each)
def test_every_ability_has_a_default_and_a_place_in_the_guide(group, name):
    assert hasattr(KINDS[group], name)
    assert f"`{name}`" in DOCS.read_text()


ASKED = sorted((group, target) for group, target in TARGETS if abilities(KINDS[group]))
OTHERS = {"undecayed", "rates", "silent"}
"""Read of neurons, though not by the check: parameters without weight decay, learning rates of
parameters, steps of a window.
"""


@pytest.mark.slow
@pytest.mark.parametrize("group, target", ASKED, ids=lambda each: each)
def test_components_state_abilities_that_their_kind_has(group, target):
    """A slip of the pen would be an ability that nobody asks for."""
    found = class_of(target)
    hints = get_type_hints(found)
    own = vars(found).get("__annotations__", {})
    assert {name for name in own if get_origin(hints[name]) is ClassVar} <= abilities(
        KINDS[group]
    ) | OTHERS


class Plain(Cell):
    """A neuron that states nothing."""

    def initial(self, x):
        return ()

    def step(self, x, state):
        return x, state


def test_what_a_component_does_not_say_is_as_its_kind_has_it():
    target = f"{__name__}.Plain"
    assert ability(target, "neuron", "differentiable") is True
    assert ability(target, "neuron", "integrates") is False
    assert ability(target, "readout", "sums_up") is False
    assert ability("snnexp.norms.none.none", "norm", "over_batch") is False
    assert ability("torch.optim.Adam", "optimizer", "keeps_sizes") is False
