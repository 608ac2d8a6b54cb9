"""Fabricated Records whose numbers a decision needs are given by hand."""

from fabricate import around, membership, record

from dd_jax.catalogue.decision_thresholds import THRESHOLDS

BOUNDS = {t.name: (t.amber, t.red) for t in THRESHOLDS}
EPS = 0.03


def cell(
    run_id="a1b2c3d4e5f6",
    accuracy=0.965,
    full=0.97,
    gap=0.05,
    full_gap=0.05,
    auc=0.51,
    tpr=0.012,
    robust=0.72,
    full_robust=0.74,
    half=0.002,
    parts=("privacy", "robustness"),
    **run,
):
    """A Record that is green throughout unless a number says otherwise."""
    row = record(run_id, full_nets=5, **run)
    means = {"distilled": accuracy, "random_subset": accuracy - 0.1, "full_data": full}
    gaps = {"distilled": gap, "random_subset": gap, "full_data": full_gap}
    row["accuracy"] = {
        pipe: around(mean, half) | {"per_class": [mean, mean - gaps[pipe]]}
        for pipe, mean in means.items()
    }
    row["fairness"] = {
        pipe: {
            "class_gap": around(own, half),
            "worst_class": around(1 - own, half),
        }
        for pipe, own in gaps.items()
    }
    row["privacy"] = {
        pipe: {"t2": {"lira_online": membership(value, rate)}}
        for pipe, value, rate in (
            ("distilled", auc, tpr),
            ("random_subset", 0.505, 0.011),
            ("full_data", 0.6, 0.05),
        )
    }
    radius = {"eps": EPS, "norm": "linf"}
    row["robustness"] = {
        pipe: {
            "clean": around(means[pipe], half),
            "attacks": {"pgd_linf": [radius | {"accuracy": around(own, half)}]},
            "checks": {"monotone_in_eps": True},
        }
        for pipe, own in (
            ("distilled", robust),
            ("random_subset", robust - 0.1),
            ("full_data", full_robust),
        )
    }
    row["cost"] = {
        "distill_seconds": 60.0,
        "train_seconds": 20.0,
        "full_data_seconds": 100.0,
    }
    for part in {"privacy", "robustness"} - set(parts):
        del row[part]
    return row


def small_sweep():
    """Images per class by initialisation; the larger sets are more accurate."""
    return [
        cell(
            f"{i:012x}",
            accuracy=0.90 + 0.02 * j + 0.005 * (init == "real"),
            auc=0.53 + 0.02 * (init == "real"),
            robust=0.55 + 0.05 * j,
            ipc=float(ipc),
            init=init,
            ratio=ipc * 10 / 1437,
        )
        for i, (j, ipc, init) in enumerate(
            (j, ipc, init)
            for j, ipc in enumerate((1, 5, 10))
            for init in ("noise", "real")
        )
    ]
