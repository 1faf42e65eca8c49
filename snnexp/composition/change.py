"""One change of a stored configuration, as it is typed: read by Hydra's grammar, as `snnexp train`
reads it.
"""

from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser

from snnexp.errors import ConfigError


def change_of(argument: str) -> tuple[str, Any]:
    """The key and the value of `key=value`.

    Raises:
        HydraException: it is not in the grammar.
        ConfigError: it is another thing than a change of a value to one other.
    """
    (override,) = OverridesParser.create().parse_overrides(
        [argument]
    )  # whose errors name the argument
    if (
        override.is_add()
        or override.is_force_add()
        or override.is_delete()
        or override.package is not None
    ):
        raise ConfigError(
            "a stored configuration is complete, so that values are changed and none added "
            "or taken out; give key=value"
        )
    if override.is_sweep_override():
        text = override.get_value_string()
        raise ConfigError(
            f"one evaluation has one value; a list is [{text}], a text with commas '{text}'. "
            "Sweeps are for snnexp train -m"
        )
    return override.key_or_group, override.value()
