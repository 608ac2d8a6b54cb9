"""Membership inference: signals of models, scores of signals, metrics of scores."""

from dd_jax.audits.privacy.epsilon import epsilon_from_one_run, epsilon_from_rates
from dd_jax.audits.privacy.lira import variance_used
from dd_jax.audits.privacy.membership import audited_rows, evaluate_membership
from dd_jax.audits.privacy.metrics import roc_points, summarise
from dd_jax.audits.privacy.row_thresholds import (
    rates_at_row_thresholds,
    scores_without_pairs,
)
from dd_jax.audits.privacy.score_file import ScoreFile, load_scores, save_scores
from dd_jax.audits.privacy.scores import SCORES, Score, all_targets
from dd_jax.audits.privacy.shadow_thresholds import rates_at_shadow_thresholds
from dd_jax.audits.privacy.signals import pool_repeats, queries, query_logits
from dd_jax.audits.privacy.slices import by_group

__all__ = [
    "SCORES",
    "Score",
    "ScoreFile",
    "all_targets",
    "by_group",
    "epsilon_from_one_run",
    "epsilon_from_rates",
    "evaluate_membership",
    "rates_at_row_thresholds",
    "rates_at_shadow_thresholds",
    "audited_rows",
    "load_scores",
    "pool_repeats",
    "queries",
    "query_logits",
    "roc_points",
    "save_scores",
    "scores_without_pairs",
    "summarise",
    "variance_used",
]
