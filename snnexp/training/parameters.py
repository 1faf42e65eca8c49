"""The parameters of a network as an optimizer takes them."""

from torch import Tensor, nn
from torch.optim import Optimizer

from snnexp.network.network import Network
from snnexp.network.parts import connections
from snnexp.optimizers.untraced import spare_compiler
from snnexp.training.schedule import Schedule


def parameter_groups(network: nn.Module, by_role: bool = False) -> list[Tensor] | list[dict]:
    """The parameters; those that a module lists in `undecayed`, by name, are spared weight decay.
    Where a module says so in `rates`, by name, a group has a `rate`: that many times the learning
    rate of the optimizer.

    `by_role` says of each what it does, for optimizers that go by it: `matrices` are the weights of
    hidden layers, `output` is the whole output layer, `others` is the rest.
    """
    if by_role:
        return _by_role(network)
    spared, rates = _spared(network), _rates(network)
    if not spared and not rates:
        return list(network.parameters())
    others = (parameter for parameter in network.parameters() if id(parameter) not in spared)
    groups: dict[tuple[bool, float], list[Tensor]] = {(False, 1.0): []}  # whose rate is shown
    for parameter in (*others, *spared.values()):
        key = id(parameter) in spared, rates.get(id(parameter), 1.0)
        groups.setdefault(key, []).append(parameter)
    return [_group(params, *key) for key, params in groups.items()]


def _group(params: list[Tensor], spared: bool, rate: float) -> dict:
    decay = {"weight_decay": 0.0} if spared else {}
    return {"params": params, **decay, **({} if rate == 1 else {"rate": rate})}


def _rates(network: nn.Module) -> dict[int, float]:
    """Factors other than 1 on the learning rate, by parameter."""
    factors = {
        id(getattr(module, name)): factor
        for module in network.modules()
        for name, factor in getattr(module, "rates", {}).items()
    }
    return {parameter: factor for parameter, factor in factors.items() if factor != 1}


def scale_linear_rates(network: nn.Module, factor: float) -> None:
    """Has linear layers learn at `factor` times the rate of the optimizer."""
    for layer in network.modules():
        if isinstance(layer, nn.Linear):
            layer.rates = {name: factor for name, _ in layer.named_parameters()}


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
    made = schedule.optimizer(parameter_groups(network, by_role))
    for group in made.param_groups:
        group["lr"] *= group.pop("rate", 1.0)
    return made
