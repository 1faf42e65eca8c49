"""The parameters of a network as an optimizer takes them."""

from collections.abc import Iterator, Mapping

from torch import Tensor, nn
from torch.optim import Optimizer

from snnexp.errors import problem
from snnexp.network.parts import connections
from snnexp.optimizers.untraced import spare_compiler
from snnexp.training.schedule import Schedule

Groups = list[Tensor] | list[dict]
"""What an optimizer takes: parameters, or groups of them with settings of their own."""


def parameter_groups(network: nn.Module, by_role: bool = False) -> Groups:
    """The parameters, in groups where not all are treated alike.

    A module lists in `undecayed` the names of parameters that are spared weight decay, and states
    in `rates` by name the factor on the learning rate of others. Such a group has the factor as
    its `rate`, which `optimizer` multiplies the learning rate by.

    Parameters are in the order of the network; in each group those of the optimizer's own rate come
    before the others. Where nothing is stated all are one group, given as they are: checkpoints
    know parameters by their order.

    Args:
        network: what is trained.
        by_role: whether groups say what their parameters do, for optimizers that go by it:
            `matrices` are the weights of hidden layers, `output` is the whole output layer,
            `others` is the rest. Weight decay is then the optimizer's own matter.
    """
    groups = _by_role(network) if by_role else _by_decay(network)
    rates = _rates(network)
    if not rates:
        return groups if by_role or len(groups) > 1 else groups[0]["params"]
    return [part for group in groups for part in _by_rate(group, rates)]


def _by_decay(network: nn.Module) -> list[dict]:
    spared = _spared(network)
    others = [parameter for parameter in network.parameters() if id(parameter) not in spared]
    if not spared:
        return [{"params": others}]
    return [{"params": others}, {"params": list(spared.values()), "weight_decay": 0.0}]


def _by_rate(group: dict, rates: Mapping[int, float]) -> Iterator[dict]:
    parts: dict[float, list[Tensor]] = {}
    for parameter in group["params"]:
        parts.setdefault(rates.get(id(parameter), 1.0), []).append(parameter)
    if 1.0 in parts:
        yield {**group, "params": parts.pop(1.0)}
    for rate, params in parts.items():
        yield {**group, "params": params, "rate": rate}


def _rates(network: nn.Module) -> dict[int, float]:
    return {
        id(getattr(module, name)): rate
        for module in network.modules()
        for name, rate in getattr(module, "rates", {}).items()
    }


def scale_linear_rates(network: nn.Module, factor: float) -> None:
    """Has linear layers learn at `factor` times the rate of the optimizer, whatever they had."""
    for layer in network.modules():
        if isinstance(layer, nn.Linear):
            names = [name for name, _ in layer.named_parameters()]
            layer.rates = {} if factor == 1 else dict.fromkeys(names, factor)


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


def optimizer(network: nn.Module, schedule: Schedule) -> Optimizer:
    """The optimizer of a schedule, with the groups of parameters that it asks for.

    Raises:
        ConfigError: the optimizer has lost learning rates that modules state.
    """
    spare_compiler()
    by_role = getattr(getattr(schedule.optimizer, "func", None), "by_role", False)
    groups = parameter_groups(network, by_role)
    made = schedule.optimizer(groups)
    rated = [group for group in made.param_groups if "rate" in group]
    if _stated(groups) != {group["rate"] for group in rated}:
        raise problem(
            f"optimizer: {type(made).__name__} does not keep the learning rates that modules "
            "state in `rates`; set optimizer=adam"
        )
    for group in rated:
        group["lr"] = group["lr"] * group.pop("rate")
    return made


def _stated(groups: Groups) -> set[float]:
    return {group["rate"] for group in groups if isinstance(group, dict) and "rate" in group}
