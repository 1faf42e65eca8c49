"""What a component of each group promises, as checks for the tests of whoever writes one.

```python
OPTION = Option("neuron", "adaptive", "--config-dir", str(CONF), "trust=mine")

@pytest.mark.parametrize("promise", PROMISES["neuron"])
def test_it_keeps(promise):
    promise(OPTION.build)
```
"""

from snnexp.contracts.option import Option
from snnexp.contracts.promises import PROMISES

__all__ = ["PROMISES", "Option"]
