"""An option that is put to the test."""

from dataclasses import dataclass
from typing import Any

from snnexp.composition.compose import composed
from snnexp.composition.own import own_components
from snnexp.configuration import build
from snnexp.configuration.check import check
from snnexp.jobs.folder import resolved


@dataclass(frozen=True, init=False)
class Option:
    """An option of a group in the default configuration, once the check has passed it.

    Args:
        group: such as "neuron".
        name: of its YAML file.
        words: what stands behind `snnexp train` beside it: where its YAML is, what is trusted.

    Raises:
        ConfigError: everything that is wrong with it.
    """

    config: dict[str, Any]
    group: str

    def __init__(self, group: str, name: str, *words: str):
        with own_components(words) as others:
            config = resolved(composed([*others, f"{group}={name}"]))
            check(config)
        object.__setattr__(self, "config", config)
        object.__setattr__(self, "group", group)

    def build(self, **provided: Any) -> Any:
        """A new component, as the configuration has it, with what code hands over."""
        if self.group == "neuron":
            return build.neuron(self.config)()
        return build.component(self.config[self.group], **provided)
