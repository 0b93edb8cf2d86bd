"""Logits that are no numbers end an answer. Greedy decoding took their place for the likeliest token."""

from __future__ import annotations

import numpy as np
import pytest

from backends.contract import EngineError, Sampling
from backends.text.sampler import Sampler


@pytest.mark.parametrize("temperature", [0.0, 0.8])
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_what_is_no_number_is_not_drawn(temperature: float, bad: float) -> None:
    logits = np.array([0.5, bad, -1.0], dtype=np.float32)
    with pytest.raises(EngineError, match="no number"):
        Sampler(Sampling(1, temperature, 40, 1, 0, 1, None, ())).draw([], logits)


@pytest.mark.parametrize("temperature", [0.0, 0.8])
def test_what_a_grammar_excludes_is_no_defect(temperature: float) -> None:
    logits = np.array([0.5, -np.inf, -np.inf], dtype=np.float32)
    assert Sampler(Sampling(1, temperature, 40, 1, 0, 1, None, ())).draw([], logits) == 0
