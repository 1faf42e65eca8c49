"""Which weights a training keeps."""

from torch import Tensor

from snnexp.network.network import Network


class Keeper:
    """Remembers the accuracies a paper may mean, and the weights the selection rule keeps."""

    def __init__(self, selection: str):
        self.selection = selection
        self.best: dict[str, float | None] = {"best_test": None, "best_validation": None}
        self.at_best_validation: float | None = None
        self.last: float | None = None
        self.waiting = 0
        """Evaluations since the best accuracy on the validation set."""
        self.kept: dict[str, Tensor] | None = None

    def see(self, network: Network, record: dict) -> None:
        """Takes note of an evaluation, and of the weights if they are the best so far by the
        rule.
        """
        self.last = record["test/accuracy"]
        self.waiting += 1
        for rule, key in (
            ("best_test", "test/accuracy"),
            ("best_validation", "validation/accuracy"),
        ):
            if key in record and (self.best[rule] is None or record[key] > self.best[rule]):
                self.best[rule] = record[key]
                self._improved(rule, network, record)

    def state_dict(self) -> dict:
        """What has been seen."""
        return dict(vars(self))

    def load_state_dict(self, state_dict: dict) -> None:
        """Sets it to what had been seen."""
        vars(self).update(state_dict)

    def _improved(self, rule: str, network: Network, record: dict) -> None:
        if rule == "best_validation":
            self.waiting = 0
            self.at_best_validation = record["test/accuracy"]
        if rule == self.selection:
            self.kept = {
                name: value.detach().clone() for name, value in network.state_dict().items()
            }

    def restore(self, network: Network) -> dict:
        """Puts the kept weights back and returns what the result file says of the choice."""
        if self.kept is not None:
            network.load_state_dict(self.kept)
        shown = {
            "selection": self.selection,
            "accuracy_last": self.last,
            "accuracy_best_test": self.best["best_test"],
        }
        return shown | (
            {}
            if self.at_best_validation is None
            else {"accuracy_at_best_validation": self.at_best_validation}
        )
