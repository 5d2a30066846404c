"""Gradients of some uses of a value do not arrive, in a network."""

from __future__ import annotations

from gradproof.diagnosis.evidence import Evidence


def lost_uses(e: Evidence) -> str:
    """In a network: the uses of a value whose gradients do not arrive."""
    uses = e.uses()
    several = {name: at for name, at in uses.items() if len(at) > 1}
    for order, last in (("first", slice(1, None)), ("last", slice(-1))):
        lost = {use for at in several.values() for use in at[last]}
        if lost and e.fits(e.without(lost)):
            which = ", ".join(several)
            return f"a value used twice ({which}) keeps only its {order} use's gradient: = for +="
    for name, at in several.items():
        for kept in at:
            if len(at) > 2 and e.fits(e.without(set(at) - {kept})):
                return (
                    f"of the uses of {name} only the one in step {e.step(kept)} arrives: = for +="
                )
    for name, at in uses.items():
        for use in at:
            if e.fits(e.without({use})):
                return f"the gradient of {name} from step {e.step(use)} does not arrive"
    return ""
