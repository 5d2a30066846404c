"""snntorch 1.0.0: with multi_spike, spike times depend on the other neurons (forward).

After each spike the record is cleared by `spk_rec[times] = 0`, which clears those times for the
whole batch and all neurons.
"""

import torch
from snntorch.functional.loss import SpikeTime

record = torch.zeros(5, 1, 2)  # time × batch × neurons
record[[0, 1], 0, 0] = 1  # the first neuron fires at 0 and 1
record[[1, 3], 0, 1] = 1  # the second at 1 and 3
together = SpikeTime.MultiSpike.apply(record, 2)[:, 0].T
alone = torch.cat([SpikeTime.MultiSpike.apply(record[..., [i]], 2)[:, 0].T for i in (0, 1)])
print("each neuron alone", alone.tolist(), " together", together.tolist())
assert alone.tolist() == [[0, 1], [1, 3]] and together.tolist() != alone.tolist()
