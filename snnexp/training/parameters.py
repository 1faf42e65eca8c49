"""The parameters of a network as an optimizer takes them."""

from torch import Tensor, nn
from torch.optim import Optimizer

from snnexp.network.network import Network
from snnexp.network.parts import connections
from snnexp.optimizers.untraced import spare_compiler
from snnexp.training.schedule import Schedule


def parameter_groups(network: nn.Module, by_role: bool = False) -> list[Tensor] | list[dict]:
    """The parameters; those that a module lists in `undecayed`, by name, are spared weight decay.

    `by_role` says of each what it does, for optimizers that go by it: `matrices` are the weights of
    hidden layers, `output` is the whole output layer, `others` is the rest.
    """
    if by_role:
        return _by_role(network)
    spared = _spared(network)
    others = [parameter for parameter in network.parameters() if id(parameter) not in spared]
    return (
        [{"params": others}, {"params": list(spared.values()), "weight_decay": 0.0}]
        if spared
        else others
    )


def _spared(network: nn.Module) -> dict[int, nn.Parameter]:
    listed = (
        getattr(module, name)
        for module in network.modules()
        for name in getattr(module, "undecayed", ())
    )
    return {id(parameter): parameter for parameter in listed if isinstance(parameter, nn.Parameter)}


def _by_role(network: nn.Module) -> list[dict]:
    *hidden, last = (connection.layer for connection in connections(network).values())
    groups = {"matrices": [layer.weight for layer in hidden], "output": [*last.parameters()]}
    known = {id(parameter) for group in groups.values() for parameter in group}
    groups["others"] = [
        parameter for parameter in network.parameters() if id(parameter) not in known
    ]
    return [{"params": params, "role": role} for role, params in groups.items()]


def optimizer(network: Network, schedule: Schedule) -> Optimizer:
    """The optimizer of a schedule, with the groups of parameters that it asks for."""
    spare_compiler()
    by_role = getattr(getattr(schedule.optimizer, "func", None), "by_role", False)
    return schedule.optimizer(parameter_groups(network, by_role))
