"""Few-spikes neuron for the rectified linear activation."""

from jaxtyping import Float
from torch import Tensor

from snnexp.limits import Fraction, Positive
from snnexp.neurons.threshold import Threshold
from snnexp.neurons.windowed import Window, Windowed


class FewSpikes(Windowed):
    """Sends its value as a binary number, one digit per step, the largest first.

        V = m + initial_potential threshold 2^-N     charge, m the mean current of the window before
        z = 1[V >= threshold 2^-(k+1)],  k = 0..N-1                                fire
        V <- V - threshold 2^-(k+1) z                                         reset, after the spike
        y = N threshold 2^-(k+1) z                   emit, so that the mean of a window is their sum

    The mean of a window is max(0, m) cut to whole multiples of threshold 2^-N, at most threshold (1
    - 2^-N): larger activations are clipped, so the threshold has to reach the largest that matters.
    Each spike is an accumulate with a shifted weight.

    Source: Stockl & Maass 2021 (survey [33]): T_k = h_k = d_k = alpha 2^-k, k = 1..K, with alpha
    the threshold and K the window; the paper fires above T_k, here at T_k, which differs where V
    meets it exactly.

    Args:
        window: steps N, the binary digits of a value, >= 2.
        threshold: upper end of what can be sent, > 0, in units of the input current.
        initial_potential: share of the last digit added to every value, in [0, 1]; 0 cuts, 0.5
            rounds.
    """

    def __init__(self, window: Window, threshold: Positive, initial_potential: Fraction):
        super().__init__(window)
        self.threshold = Threshold(threshold, initial_potential)

    def receive(self, value: Float[Tensor, "B *n"]) -> Float[Tensor, "B *n"]:
        return value + self.threshold.initial_potential * 2.0**-self.window

    def send(
        self, k: int, memory: Float[Tensor, "B *n"]
    ) -> tuple[Float[Tensor, "B *n"], Float[Tensor, "B *n"]]:
        digit = self.threshold.value * 2.0 ** -(k + 1)
        sent = digit * (memory >= digit).to(memory.dtype)
        return self.window * sent, memory - sent

    def set_threshold(self, value: float, initial_potential: Fraction) -> None:
        """Changes the upper end, and what is added to every value, given as a share of the last
        digit.
        """
        self.threshold.set(value, initial_potential)
