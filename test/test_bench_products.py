"""The products that the bench measures an update against are those that the update takes."""

from __future__ import annotations

from collections import Counter
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode

from bench.learner import learner
from bench.products import Sizes, product_shapes

torch.set_num_threads(1)


class _Products(TorchDispatchMode):
    """Notes the (m, k, n) of every matrix product."""

    def __init__(self) -> None:
        super().__init__()
        self.shapes: Counter[tuple[int, int, int]] = Counter()

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        if func in (torch.ops.aten.mm.default, torch.ops.aten.addmm.default):
            left, right = args[-2:]
            self.shapes[(*left.shape, right.shape[1])] += 1
        return func(*args, **(kwargs or {}))


def test_an_update_takes_the_products_listed_and_no_other() -> None:
    made = learner(24, num_critics=3)
    with _Products() as products:
        made.update(1)
    sizes = Sizes(batch=256, state=10, noise=16, hidden=24, layers=3, critics=3)
    assert products.shapes == Counter(product_shapes(sizes))
