"""Two modules side by side: which parameters, buffers and submodules are the same."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.nn import Module

from gradproof.checking.call import Call, outputs_of
from gradproof.errors import InputError, in_one_line


@dataclass
class Pair:
    """A module and its reference, or a part of both.

    names          the module's names that differ → the reference's, wherever they stand in a path
    here, there    the paths of the two within the whole; "" for the whole
    """

    module: Module
    reference: Module
    names: Mapping[str, str]
    here: str = ""
    there: str = ""

    def theirs(self, name: str) -> str:
        """What the reference calls a part, parameter or buffer of the module."""
        whole = _renamed(f"{self.here}.{name}" if self.here else name, self.names)
        return whole.removeprefix(f"{self.there}." if self.there else "")

    def check_names(self) -> None:
        """Raise InputError for a name that the module has not."""
        paths = [n for n, _ in self.module.named_modules()]
        paths += [n for n, _ in (*self.module.named_parameters(), *self.module.named_buffers())]
        for name in self.names:
            if not any(f".{name}." in f".{path}." for path in paths):
                raise InputError(
                    f"names has {name!r}, and the module has no part, parameter or buffer of that "
                    "name; write {the module's name: the reference's}"
                )

    def submodules(self) -> dict[str, tuple[Module, Module]]:
        """Parts that both sides have, by the module's name; "" is the whole."""
        there = dict(self.reference.named_modules())
        here = dict(self.module.named_modules())
        found = {n: (m, there.get(self.theirs(n) if n else "")) for n, m in here.items()}
        return {n: (m, r) for n, (m, r) in found.items() if r is not None}

    def below(self, path: str) -> Pair:
        """The pair of two parts, of the whole."""
        there = self.theirs(path) if path else ""
        parts = self.module.get_submodule(path), self.reference.get_submodule(there)
        return Pair(*parts, self.names, path, there)

    def copied(self, dtype: torch.dtype, training: bool) -> Pair:
        """The same of copies in a dtype and a mode."""
        return replace(
            self,
            module=in_dtype(self.module, dtype, training),
            reference=in_dtype(self.reference, dtype, training),
        )

    def parameters(self) -> dict[str, str]:
        """The module's names of parameters → the reference's.

        Raises    InputError where one has none of that name, or of another shape
        """
        here, there = dict(self.module.named_parameters()), dict(self.reference.named_parameters())
        matched = {name: self.theirs(name) for name in here}
        lost = [name for name, theirs in matched.items() if theirs not in there]
        extra = sorted(set(there) - set(matched.values()))
        if lost or extra:
            said = f"the module's {lost[0]}" if lost else f"the reference's {extra[0]}"
            other = "reference" if lost else "module"
            raise InputError(
                f"{said} is no parameter of the {other}; say which belong together, with "
                f"names={{the module's name: the reference's}}; unmatched are "
                f"{', '.join(lost[:3]) or 'none'} and {', '.join(extra[:3]) or 'none'}"
            )
        for name, theirs in matched.items():
            _same_shape(name, here[name], there[theirs])
        return matched

    def buffers(self) -> dict[str, str]:
        """The same of buffers of numbers that both sides have."""
        here, there = dict(self.module.named_buffers()), dict(self.reference.named_buffers())
        found = {n: self.theirs(n) for n, t in here.items() if t.dtype != torch.bool}
        matched = {n: theirs for n, theirs in found.items() if theirs in there}
        for name, theirs in matched.items():
            _same_shape(name, here[name], there[theirs])
        return matched


def _renamed(path: str, names: Mapping[str, str]) -> str:
    """A path with every name replaced that stands in it, the longest first."""
    parts, made, at = path.split("."), list[str](), 0
    while at < len(parts):
        for end in range(len(parts), at, -1):
            head = ".".join(parts[at:end])
            if head in names:
                made.append(names[head])
                at = end
                break
        else:
            made.append(parts[at])
            at += 1
    return ".".join(made)


def _same_shape(name: str, here: Tensor, there: Tensor) -> None:
    if here.shape != there.shape:
        raise InputError(
            f"{name} has the shape {tuple(here.shape)} in the module and {tuple(there.shape)} in "
            "the reference; give two modules of the same size"
        )


def is_same(module: Module, reference: Module) -> bool:
    """Whether both are the same layer of torch.nn, which nobody has written by hand."""
    return (
        type(module) is type(reference)
        and type(module).__module__.startswith("torch.nn.modules")
        and repr(module) == repr(reference)
        and not list(module.children())
    )


def in_dtype(module: Module, dtype: torch.dtype, training: bool) -> Module:
    """A copy in a dtype and a mode; what the caller has stays as it is."""
    return copy.deepcopy(module).to(dtype).train(training)


def calls(pair: Pair, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> dict[str, Call]:
    """The first call of each part of the reference in a run, by the module's name of the part.

    They are in the order in which the calls ended, so a part comes before what holds it.

    Raises    InputError where the reference cannot run
    """
    found: dict[str, Call] = {}
    handles = []
    for path, (_, part) in pair.submodules().items():

        def before(_: Module, args: Any, kwargs: Any, path: str = path) -> None:
            pending.setdefault(path, Call.of(args, kwargs))

        def after(_: Module, _args: Any, made: Any, path: str = path) -> None:
            if path in found:
                return
            call = found[path] = pending[path]
            for i, out in enumerate(outputs_of(made)):
                call.made.append(out.detach().clone())
                if out.requires_grad:
                    out.register_hook(partial(call.reached, i))  # type: ignore[no-untyped-call]

        handles.append(part.register_forward_pre_hook(before, with_kwargs=True))
        handles.append(part.register_forward_hook(after))
    pending: dict[str, Call] = {}
    try:
        smooth = [o for o in outputs_of(pair.reference(*args, **kwargs)) if o.requires_grad]
        generator = torch.Generator().manual_seed(0)
        dys = [torch.randn(out.shape, generator=generator, dtype=out.dtype) for out in smooth]
        torch.autograd.backward(smooth, dys)
    except Exception as error:
        raise InputError(f"the reference cannot run: {in_one_line(error)}") from error
    finally:
        for handle in handles:
            handle.remove()
    if not smooth:
        raise InputError("no output of the reference depends on a parameter or an input")
    return found
