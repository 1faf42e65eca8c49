"""The parameters of a network as an optimizer takes them."""

from torch import Tensor, nn

from snnexp.network import connections


def parameter_groups(network: nn.Module, by_role: bool = False) -> list[Tensor] | list[dict]:
    """The parameters; those that a module lists in `undecayed`, by name, are spared weight decay.

    `by_role` sets the weights of the output layer apart, for optimizers that go by what a parameter does.
    """
    if by_role:
        return _by_role(network)
    spared = _spared(network)
    others = [parameter for parameter in network.parameters() if id(parameter) not in spared]
    return [{"params": others}, {"params": list(spared.values()), "weight_decay": 0.0}] if spared else others


def _spared(network: nn.Module) -> dict[int, nn.Parameter]:
    listed = (getattr(module, name) for module in network.modules() for name in getattr(module, "undecayed", ()))
    return {id(parameter): parameter for parameter in listed if isinstance(parameter, nn.Parameter)}


def _by_role(network: nn.Module) -> list[dict]:
    output = list(connections(network).values())[-1].layer.weight
    return [{"params": [each for each in network.parameters() if each is not output]}, {"params": [output], "role": "output"}]
