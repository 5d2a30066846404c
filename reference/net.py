"""A network's twin: the same loop over its layers' twins; torch accumulates by itself."""

from __future__ import annotations

from typing import Any

from manual.net import Net
from reference.twin import twin


@twin.register
def net(layer: Net, *args: Any) -> Any:
    values: dict[str | None, Any] = dict(zip(layer.inputs, args, strict=True))
    values[None] = None
    y: Any = None
    for step in layer.steps:
        y = twin(step.layer, *[values[name] for name in step.args])
        if isinstance(step.out, str):
            values[step.out] = y
        else:
            values.update(zip(step.out, y, strict=True))
    return y
