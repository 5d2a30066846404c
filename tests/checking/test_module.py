"""`gradproof.check_module`: the first wrong part of a module is named."""

from __future__ import annotations

from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="layers are judged against torch")

# ruff: noqa: E402  (torch is looked for first)
from torch import nn
from torch.nn import functional as F

from gradproof import Disagreement, InputError, check_module, index, real


class Normalised(torch.autograd.Function):
    """Layer normalisation without parameters."""

    @staticmethod
    def forward(ctx: Any, x: Any) -> Any:
        r = torch.rsqrt(x.var(-1, unbiased=False, keepdim=True) + 1e-5)
        n = (x - x.mean(-1, keepdim=True)) * r
        ctx.save_for_backward(n, r)
        return n

    @staticmethod
    def backward(ctx: Any, dy: Any) -> Any:
        n, r = ctx.saved_tensors
        return r * (dy - dy.mean(-1, keepdim=True) - n * (dy * n).mean(-1, keepdim=True))


class Forgetful(Normalised):
    """The last term is forgotten."""

    @staticmethod
    def backward(ctx: Any, dy: Any) -> Any:
        _, r = ctx.saved_tensors
        return r * (dy - dy.mean(-1, keepdim=True))


class MyNorm(nn.Module):
    by_hand: Any = Normalised

    def __init__(self, width: int) -> None:
        super().__init__()
        self.weight, self.bias = nn.Parameter(torch.ones(width)), nn.Parameter(torch.zeros(width))

    def forward(self, x: Any) -> Any:
        return self.by_hand.apply(x) * self.weight + self.bias


class MyBadNorm(MyNorm):
    by_hand = Forgetful


class Attention(nn.Module):
    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads, self.qkv = heads, nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)

    def forward(self, x: Any) -> Any:
        b, t, c = x.shape
        shape = b, t, self.heads, c // self.heads
        q, k, v = (a.view(shape).transpose(1, 2) for a in self.qkv(x).split(c, 2))
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        return self.out(y.transpose(1, 2).reshape(b, t, c))


class Block(nn.Module):
    def __init__(self, width: int, norm: Any) -> None:
        super().__init__()
        self.ln_1, self.attn, self.ln_2 = norm(width), Attention(width, 4), norm(width)
        self.mlp = nn.Sequential(
            nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width)
        )

    def forward(self, x: Any) -> Any:
        x = x + self.attn(self.ln_1(x))
        return x + self.mlp(self.ln_2(x))


class Transformer(nn.Module):
    """GPT-2 in all but its size."""

    def __init__(self, norm: Any, width: int = 16, blocks: int = 2, words: int = 11) -> None:
        super().__init__()
        self.wte, self.wpe = nn.Embedding(words, width), nn.Embedding(8, width)
        self.h = nn.ModuleList(Block(width, norm) for _ in range(blocks))
        self.ln_f, self.head = norm(width), nn.Linear(width, words, bias=False)

    def forward(self, ids: Any) -> Any:
        x = self.wte(ids) + self.wpe(torch.arange(ids.shape[1]))
        for block in self.h:
            x = block(x)
        return self.head(self.ln_f(x))


IDS = index(11, 2, 5)


def test_a_transformer_with_a_layer_by_hand_agrees() -> None:
    mine = Transformer(MyNorm)
    before = [p.clone() for p in mine.parameters()]
    verdict = check_module(mine, Transformer(nn.LayerNorm), (IDS,))
    assert verdict
    assert dict(verdict)["h.0.ln_1"] == dict(verdict)["h.1"] == "agree"
    assert dict(verdict)["head"] == "PyTorch's own"
    assert dict(verdict)["the whole"] == "agree"
    assert mine.training
    assert all(torch.equal(a, b) for a, b in zip(before, mine.parameters(), strict=True))


def test_the_wrong_part_is_named() -> None:
    mine = Transformer(MyNorm)
    mine.h[1].ln_2 = MyBadNorm(16)
    with pytest.raises(Disagreement) as caught:
        check_module(mine, Transformer(nn.LayerNorm), (IDS,))
    verdict: Any = caught.value.verdict
    said = str(verdict)
    assert verdict.wrong == "h.1.ln_2"
    assert said.startswith("Transformer: its part h.1.ln_2 is wrong, in training")
    assert "in the gradient of x" in said
    words = dict(verdict)
    assert words["h.1.ln_2"] == "disagree"
    assert words["h.1"] == words["the whole"] == "holds it"
    assert words["h.0"] == words["h.1.attn"] == words["ln_f"] == "agree"
    assert "\n      ln_2                                  disagree\n" in said


def test_wiring_that_is_wrong_is_the_fault_of_what_holds_it() -> None:
    class Crossed(Block):
        def forward(self, x: Any) -> Any:
            x = x + self.attn(self.ln_1(x))
            return x.detach() + self.mlp(self.ln_2(x))

    mine = Transformer(MyNorm)
    mine.h[0] = Crossed(16, MyNorm)
    verdict = check_module(mine, Transformer(nn.LayerNorm), (IDS,), raise_exception=False)
    assert verdict.wrong == "h.0"
    assert dict(verdict)["h.0.ln_2"] == "agree"


class MyBatchNorm(nn.BatchNorm1d):
    """Its own arithmetic, so that its running statistics can be wrong."""

    unbiased = True

    def forward(self, x: Any) -> Any:
        if not self.training:
            mean, var = self.running_mean, self.running_var
        else:
            mean, var = x.mean(0), x.var(0, unbiased=False)
            with torch.no_grad():
                kept = x.var(0, unbiased=self.unbiased)
                self.running_mean += 0.1 * (mean - self.running_mean)
                self.running_var += 0.1 * (kept - self.running_var)
                self.num_batches_tracked += 1
        return (x - mean) * torch.rsqrt(var + self.eps) * self.weight + self.bias


class Biased(MyBatchNorm):
    unbiased = False


def net(norm: Any) -> Any:
    return nn.Sequential(nn.Linear(3, 4), norm(4), nn.ReLU(), nn.Linear(4, 2))


def test_a_running_statistic_that_is_updated_wrongly() -> None:
    right = check_module(net(MyBatchNorm), net(nn.BatchNorm1d), (real(6, 3),))
    assert right
    verdict = check_module(net(Biased), net(nn.BatchNorm1d), (real(6, 3),), raise_exception=False)
    assert verdict.wrong == "1"
    assert verdict.mode == "training"
    assert "running_var after the call" in str(verdict).splitlines()[0]


def test_evaluation_is_judged_as_well() -> None:
    class Confused(MyBatchNorm):
        def forward(self, x: Any) -> Any:
            y = super().forward(x)
            return y if self.training else y * 1.001

    verdict = check_module(net(Confused), net(nn.BatchNorm1d), (real(6, 3),), raise_exception=False)
    assert (verdict.wrong, verdict.mode) == ("1", "evaluation")


def test_names_that_differ() -> None:
    class Renamed(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.norm = nn.Linear(3, 4), MyNorm(4)

        def forward(self, x: Any) -> Any:
            return self.norm(self.first(x))

    reference = nn.Sequential(nn.Linear(3, 4), nn.LayerNorm(4))
    with pytest.raises(InputError, match=r"the module's first\.weight is no parameter of the ref"):
        check_module(Renamed(), reference, (real(2, 3),))
    with pytest.raises(InputError, match="names has 'nrom', and the module has no part"):
        check_module(Renamed(), reference, (real(2, 3),), names={"first": "0", "nrom": "1"})
    verdict = check_module(Renamed(), reference, (real(2, 3),), names={"first": "0", "norm": "1"})
    assert dict(verdict)["norm"] == "agree"


def test_one_name_for_all_layers() -> None:
    class Gained(nn.Module):
        def __init__(self, width: int) -> None:
            super().__init__()
            self.gain, self.shift = (
                nn.Parameter(torch.ones(width)),
                nn.Parameter(torch.zeros(width)),
            )

        def forward(self, x: Any) -> Any:
            return Normalised.apply(x) * self.gain + self.shift

    names = {"gain": "weight", "shift": "bias"}
    verdict = check_module(Transformer(Gained), Transformer(nn.LayerNorm), (IDS,), names=names)
    assert dict(verdict)["h.1.ln_2"] == "agree"
    assert str(verdict).startswith("Transformer agrees: ")


def test_a_reference_that_draws_random_numbers_is_refused() -> None:
    both = [nn.Sequential(nn.Linear(4, 4), nn.Dropout(0.5)) for _ in range(2)]
    with pytest.raises(InputError, match="no function in training: two runs differ"):
        check_module(both[0], both[1], (real(3, 4),))
    assert dict(check_module(both[0], both[1], (real(3, 4),), modes=("eval",)))


def test_inputs_by_name_and_several_outputs() -> None:
    class Two(nn.Module):
        def __init__(self, by_hand: bool) -> None:
            super().__init__()
            self.norm: Any = MyNorm(3) if by_hand else nn.LayerNorm(3)

        def forward(self, x: Any, *, scale: Any, skip: bool = False) -> Any:
            y = self.norm(x * scale)
            return {"y": y, "total": y.sum(), "skip": skip}

    verdict = check_module(Two(True), Two(False), {"x": real(2, 3), "scale": real(3)})
    assert verdict


def test_a_part_that_returns_its_input_and_a_shared_weight() -> None:
    class Whole(nn.Module):
        def __init__(self, norm: Any) -> None:
            super().__init__()
            self.first, self.same = nn.Linear(4, 4), Same()
            self.norm, self.last = norm(4), nn.Linear(4, 4)
            self.last.weight = self.first.weight

        def forward(self, x: Any) -> Any:
            return self.last(self.norm(self.same(self.first(x))))

    class Same(nn.Module):
        def forward(self, x: Any) -> Any:
            return x

    verdict = check_module(Whole(MyNorm), Whole(nn.LayerNorm), (real(2, 4),))
    assert dict(verdict)["same"] == "agree"
    half = check_module(Whole(MyNorm).bfloat16(), Whole(nn.LayerNorm).bfloat16(), (real(2, 4),))
    assert half


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ((F.silu, nn.SiLU(), real(2)), "module is of type function"),
        ((nn.SiLU(), F.silu, real(2)), "reference is of type function"),
        ((nn.Linear(2, 3), nn.Linear(2, 4), real(2)), "weight has the shape (3, 2) in the module"),
        ((nn.SiLU(), nn.Linear(2, 4), real(2)), "the reference's bias is no parameter of the mod"),
        ((nn.Linear(2, 3), nn.Linear(2, 3), real(5)), "the reference cannot run: "),
        ((nn.Linear(2, 3), nn.Linear(2, 3), ()), "there are no inputs"),
    ],
)
def test_one_sentence_for_wrong_use(given: Any, said: str) -> None:
    with pytest.raises(InputError) as caught:
        check_module(*given)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_mode_is_train_or_eval() -> None:
    with pytest.raises(InputError, match="modes are train or eval or both, not test"):
        check_module(net(MyBatchNorm), net(nn.BatchNorm1d), (real(6, 3),), modes=("test",))
