"""Rules of recurrent layers: who can train them."""

from collections.abc import Iterator

from snnexp.architectures.tokens import RecurrentLinear, parse
from snnexp.configuration.rules.reading import Config, beyond_spikes


def recurrent_layers_have_time(config: Config) -> Iterator[str]:
    """A layer whose spikes come back to it has a place in the spiking form alone."""
    other = beyond_spikes(config)
    for key, tokens in config["architecture"].items():
        if other and _recurrent(tokens):
            yield (
                f"architecture.{key}: neurons of a recurrent layer hear each other a timestep "
                f"later, which stage {other[0]} does without; write FC in place of R, or set "
                "strategy=bptt"
            )


def _recurrent(tokens: object) -> bool:
    """Whether a setting is a list of layers with a recurrent one among them."""
    if not isinstance(tokens, list):
        return False
    try:
        return any(isinstance(layer, RecurrentLinear) for layer in parse([*map(str, tokens)]))
    except ValueError:  # no layers, or none that there are, which is for `everything_builds` to say
        return False


RULES = (recurrent_layers_have_time,)
