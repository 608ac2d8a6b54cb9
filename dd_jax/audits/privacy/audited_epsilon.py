"""A lower bound on epsilon from membership scores of one model: one run, many coins."""

from collections.abc import Mapping
from typing import Any

import jax.numpy as jnp
import numpy as np

from dd_jax.audits.privacy.canaries import COPIED
from dd_jax.audits.privacy.epsilon import SURE, epsilon_from_one_run
from dd_jax.audits.privacy.scores import score_of
from dd_jax.types import Array

CONFIDENCE = 0.99
_GUESSES = 1000  # of the surest pairs, or of all where there are fewer


def audited_epsilon(
    name: str,
    logits: Array,
    labels: np.ndarray,
    member: np.ndarray,
    canary: np.ndarray,
    *,
    seed: int,
    delta: float,
    options: Mapping[str, Any] | None = None,
) -> dict[str, Any] | None:
    """Audits the first model, with all others but its complement as shadows.

    One model and one score, fixed beforehand, so that nothing is chosen by its result.
    Rows that the models have several times are left out: they are more than one row.
    Rates of members over models are not used: the memberships of rows of one model
    depend on each other, and few models are independent.

    Args:
      name: of the score.
      logits: `f32[m n q k]`.
      labels: `i32[n]`, as the models were given them.
      member: `bool[m n]`; rows 2i and 2i+1 are complements.
      canary: `i[n]`, the kind of each canary and -1 for ordinary points.
      seed: of the pairs.
      delta: of (epsilon, delta).
      options: of the score.

    Returns:
      What `epsilon_from_pairs` gives, and the score; None without pairs.
    """
    rows = np.flatnonzero(~np.isin(canary, COPIED))
    scores = _scores_of_first(
        name, logits[:, rows], labels[rows], member[:, rows], **options or {}
    )
    kinds = np.stack([canary[rows], labels[rows]], axis=1)
    pairs = random_pairs(member[0, rows], kinds, seed)
    if not len(pairs):
        return None
    return {"score": name, **epsilon_from_pairs(scores, pairs, delta)}


def _scores_of_first(name, logits, labels, member, **options) -> np.ndarray:
    """Scores by the first model, `f[n]`, from which its own membership is hidden.

    In the place of its membership and of its complement, model and membership, are
    those of the next pair, drawn independently: a score may look at the membership of
    other points, and a registered one at every model.
    """
    hidden = np.concatenate([member[2:4], member[2:]])
    logits = np.concatenate([logits[:1], logits[3:4], logits[2:]])
    given = map(jnp.asarray, (logits, labels, hidden))
    return np.asarray(score_of(name)(*given, 0, **options))


def random_pairs(member: np.ndarray, kinds: np.ndarray, seed: int) -> np.ndarray:
    """Pairs of a member and a non-member of one kind, at random.

    Halves are no independent coins: of each kind a fixed number of rows is in. But all
    choices of that number are equally likely, so that given the pairs, each time both
    orders are: which of the two is in is an independent fair coin.

    Args:
      member: `bool[n]`.
      kinds: `i[n f]`; rows of a kind are equal here.
      seed: the same seed gives the same pairs.

    Returns:
      `i64[p 2]`, members first; every row in at most one pair.

    >>> kinds = np.array([[0], [0], [1], [0]])
    >>> random_pairs(np.array([True, False, False, True]), kinds, 0)[:, 1].tolist()
    [1]
    """
    order = np.random.default_rng(seed).permutation(len(member))
    _, kind = np.unique(kinds, axis=0, return_inverse=True)
    sides = [order[member[order]], order[~member[order]]]
    pairs = [
        pair
        for k in range(kind.max(initial=-1) + 1)
        for pair in zip(*(side[kind[side] == k] for side in sides))
    ]
    return np.array(pairs, int).reshape(-1, 2)


def epsilon_from_pairs(
    scores: np.ndarray, pairs: np.ndarray, delta: float
) -> dict[str, Any]:
    """Lower bound on epsilon from guesses which row of each pair is a member.

    The guess is the row with the higher score; of all pairs the 1000 that differ most
    are guessed, which does not depend on the coins. A tie counts as a wrong guess.

    Two outcomes of a coin differ in one row, in the place of which there is another of
    its kind: the bound is on the epsilon of that exchange, which is larger than that of
    a row that contributes nothing.

    Args:
      scores: `f[n]`, higher = more likely a member.
      pairs: `i64[p 2]`, see `random_pairs`, p at least 1.
      delta: of (epsilon, delta), in [0, 1).

    Returns:
      `{epsilon, surely, confidence, pairs, guesses, correct, most}`: the bound, and at
      the confidence `epsilon.SURE`; `most` is the bound if all guesses were right.

    Source: Steinke, Nasr and Jagielski 2023, "Privacy auditing with one (1) training
    run". Differs in: a coin chooses one of two rows, not a row or none.
    """
    ahead = np.subtract(*scores[pairs].T)
    surest = np.argsort(-np.abs(ahead), kind="stable")[:_GUESSES]
    correct, sizes = int(np.sum(ahead[surest] > 0)), (len(pairs), len(surest))
    bound = lambda right, confidence=CONFIDENCE: epsilon_from_one_run(
        *sizes, right, delta=delta, confidence=confidence
    )
    return {
        "epsilon": bound(correct),
        "surely": bound(correct, SURE),
        "confidence": CONFIDENCE,
        "pairs": sizes[0],
        "guesses": sizes[1],
        "correct": correct,
        "most": bound(sizes[1]),
    }
