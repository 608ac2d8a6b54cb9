"""Small Records of a grid, with values that a test chooses."""

from itertools import product

METHODS, INITS = ("dm", "dsa", "idc", "mtt"), ("kmeans", "noise", "real")
IPCS, CLASSES = (1, 5, 10, 20), (2, 5, 10)


def cell(value=None, *, gap=0.3, full_gap=0.1, auc=0.55, subset=0.55, full=0.6, **run):
    """A Record; `value(**run)` gives keywords of this function that replace others."""
    run = {
        "method": "dm",
        "init": "real",
        "ipc": 10,
        "num_classes": 10,
        "seed": 0,
    } | run
    known = dict(gap=gap, full_gap=full_gap, auc=auc, subset=subset, full=full)
    known |= {"robust": 0.5, "full_robust": 0.5} | (value(**run) if value else {})
    scores = lambda auc: {"t2": {"rmia": {"auc": {"mean": auc}}}}
    attacked = lambda mean: {
        "attacks": {
            "pgd_linf": [{"eps": 0.03, "norm": "linf", "accuracy": {"mean": mean}}]
        }
    }
    name = "-".join(str(part) for part in run.values())
    return {
        "run": {
            "id": name,
            "dataset": "digits",
            "arch": "convnet",
            "ratio": run["ipc"] / 144,
            **run,
        },
        "fairness": {
            "distilled": {"class_gap": {"mean": known["gap"]}},
            "full_data": {"class_gap": {"mean": known["full_gap"]}},
        },
        "privacy": {
            "distilled": scores(known["auc"]),
            "random_subset": scores(known["subset"]),
            "full_data": scores(known["full"]),
        },
        "robustness": {
            "distilled": attacked(known["robust"]),
            "full_data": attacked(known["full_robust"]),
        },
    }


def grid(value=None, seeds=3, methods=METHODS, inits=INITS, ipcs=IPCS, classes=CLASSES):
    """Records of all combinations."""
    keys = ("method", "init", "ipc", "num_classes", "seed")
    cells = product(methods, inits, ipcs, classes, range(seeds))
    return [cell(value, **dict(zip(keys, values))) for values in cells]
