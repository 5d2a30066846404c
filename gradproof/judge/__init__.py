"""The comparison: layer, network, optimiser; conduct, kinks, overflow, the vote, the verdict."""
