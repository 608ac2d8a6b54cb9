"""Fabricated work directories, shaped as a real run leaves them."""

import copy
import json

import numpy as np

CLASSES = 10
EPS = {
    "linf": [0.0, 0.01, 0.03, 0.06, 0.1, 0.2],
    "l2": [0.0, 0.25, 0.5, 1.0, 2.0],
    "l1": [0.0, 2.0, 5.0],
}
LEVEL = {"distilled": 0.86, "random_subset": 0.79, "full_data": 0.97}


def around(mean, half=0.01, n=5):
    return {"mean": mean, "ci": [mean - half, mean + half], "n": n}


def class_accuracies(mean):
    return list(np.clip(mean + 0.08 * np.sin(np.arange(CLASSES)), 0, 1))


def membership(auc, tpr):
    rates = {
        level: {
            **around(min(1.0, tpr * scale), tpr * scale / 4, 16),
            "achieved_fpr": float(level),
            "resolved": True,
        }
        for level, scale in (("0.1", 5), ("0.01", 1), ("0.001", 0.3))
    }
    rates["0.0001"] = {
        "mean": None,
        "ci": None,
        "achieved_fpr": None,
        "resolved": False,
    }
    return {
        "auc": around(auc, 0.02, 16),
        "balanced_accuracy": around(auc - 0.01, 0.02, 16),
        "tpr_at_fpr": rates,
        "ppv": {
            "0.01": around(0.02, 0.005) | {"fpr": 0.001},
            "0.1": around(0.2) | {"fpr": 0.001},
            "0.5": {"mean": None, "ci": None, "fpr": None},
        },
        "smallest_fpr": 0.0004,
    }


def found_by_two(first, second):
    """Which members two attacks find."""
    return {
        "members": 11440,
        "any": 0.035,
        "any_fpr": 0.018,
        "all": 0.005,
        "scores": {
            first: {"found": 0.03, "alone": 0.025, "jaccard": {second: 0.143}},
            second: {"found": 0.01, "alone": 0.005, "jaccard": {first: 0.143}},
        },
    }


def likeness(risk):
    return {
        space: {
            "closer_to_train": around(0.5 + risk / 2, 0.1, 100),
            "distance_ratio": {"train": 0.8 - risk / 2, "holdout": 0.85},
            "singled_out": {
                "train": around(0.05 + risk, 0.04, 100),
                "holdout": around(0.05, 0.04, 100),
            },
            "residual_risk": around(risk, min(risk, 0.1), 100),
        }
        for space in ("pixels", "network_0")
    }


def attacked(clean, slope):
    def rows(norm, strength):
        return [
            {
                "eps": eps,
                "norm": norm,
                "step_size": eps / 8,
                "steps": 20,
                "restarts": 1,
                "random_start": True,
                "accuracy": around(clean * float(np.exp(-strength * eps)), 0.02),
            }
            for eps in EPS[norm]
        ]

    return {
        "clean": around(clean),
        "attacks": {
            "fgsm": rows("linf", slope * 0.7),
            "pgd_linf": rows("linf", slope),
            "pgd_l2": rows("l2", slope / 15),
            "apgd_ce:l1": rows("l1", slope / 60),
        },
        "worst_case": [
            row | {"per_class": [None, 0.9, row["accuracy"]["mean"] / 2]}
            for row in rows("linf", slope)
        ],
        "ratios": [
            {"eps": eps, "norm": "linf", "rome": around(0.6), "beard": around(0.2)}
            for eps in EPS["linf"]
            if eps > 0
        ],
        "checks": {"eps_zero_equals_clean": True, "monotone_in_eps": None},
    }


def record(run_id="a1b2c3d4e5f6", shift=0.0, **run):
    accuracy = {pipe: min(level + shift, 1.0) for pipe, level in LEVEL.items()}
    accuracy["full_data"] = LEVEL["full_data"]
    return {
        "run": {
            "id": run_id,
            "commit": "0123abc",
            "seed": 0,
            "method": "dm",
            "dataset": "digits",
            "arch": "convnet",
            "width": 32,
            "ipc": 10.0,
            "class_names": [f"digit {c}" for c in range(CLASSES)],
            "split": "test",
            "ratio": 0.07,
            "init": "real",
            "num_classes": CLASSES,
            "sets": 1,
            "nets": 5,
            "versions": {"python": "3.13.1", "jax": "0.12.0"},
            "device": "cpu",
            **run,
        },
        "accuracy": {
            pipe: around(mean) | {"per_class": class_accuracies(mean)}
            for pipe, mean in accuracy.items()
        },
        "fairness": {
            pipe: {
                "class_gap": 0.15,
                "worst_class": around(mean - 0.08),
                "class_std": 0.05,
                "cvar": mean - 0.06,
                "induced_drop": {"max": 0.12, "mean": 0.1, "std": 0.01},
                "deo_max": None,
                "deo_mean": None,
            }
            for pipe, mean in accuracy.items()
        },
        "privacy": {
            "distilled": {
                "t2": {
                    "lira_online": membership(0.56, 0.03),
                    "loss": membership(0.51, 0.01),
                }
            },
            "random_subset": {"t2": {"lira_online": membership(0.52, 0.012)}},
            "full_data": {"t2": {"lira_online": membership(0.61, 0.05)}},
            "overlap": {"t2": found_by_two("lira_online", "loss")},
        },
        "memorisation": {
            "distilled": likeness(0.02),
            "copies": likeness(0.24),
            "rows": 360,
            "share_of_train": 0.25,
        },
        "robustness": {
            pipe: attacked(mean, slope)
            for (pipe, mean), slope in zip(accuracy.items(), (9, 12, 6))
        },
        "cost": {
            "distill_seconds": 41.2,
            "train_seconds": 95.0,
            "steps_per_second": 6.2,
            "compile_seconds": 12.0,
            "peak_bytes": 900_000_000,
        },
    }


NONE = {"rows": 0, "other_label": 0}
CLEAN = {
    "classes": [
        {"name": "cat", "train": 100, "validation": 50, "test": 50},
        {"name": "dog", "train": 150, "validation": 50, "test": 50},
    ],
    "imbalance": {"ratio": 1.5, "effective_classes": 1.9},
    "images": {
        "height": 32,
        "width": 24,
        "channels": 3,
        "constant": 0,
        "grey": 0,
        "sizes": 1,
        "resized": 0,
        "enlarged": 0,
        "largest_enlargement": 1.0,
        "stretched": 0,
    },
    "duplicates": {
        kind: {split: NONE for split in ("train", "validation", "test")}
        for kind in ("exact", "near")
    },
    "compared": {"side": 16, "correlation": 0.997},
    "ipc": 10,
}


def with_data(**changes):
    """What the audit finds in clean data but for `images__grey=3`: `images.grey`."""
    part = copy.deepcopy(CLEAN)
    for path, value in changes.items():
        *outer, last = path.split("__")
        inner = part
        for key in outer:
            inner = inner[int(key) if key.isdigit() else key]
        inner[int(last) if last.isdigit() else last] = value
    return part


def plotted(draw):
    """Axes that a figure of a section has filled."""
    from matplotlib.figure import Figure

    axes = Figure().add_subplot()
    draw(axes)
    return axes


def legend(draw):
    """Labels of the lines of a figure."""
    return plotted(draw).get_legend_handles_labels()[1]


def curves():
    fpr = np.geomspace(4e-4, 1, 60)
    roc = {
        pipe: {"t2": {"lira_online": np.stack([fpr, fpr**power], 1).tolist()}}
        for pipe, power in (
            ("distilled", 0.82),
            ("random_subset", 0.95),
            ("full_data", 0.7),
        )
    }
    roc["distilled"]["t2"]["loss"] = np.stack([fpr, fpr**0.98], 1).tolist()
    steps = np.arange(0, 200, 4)
    return {
        "roc": roc,
        "distil": np.stack([steps, 3 + 20 * np.exp(-steps / 40)], 1).tolist(),
    }


def synthetic(path, ipc, classes=CLASSES, channels=1, size=8):
    y, x = np.mgrid[:size, :size] / size
    labels = np.repeat(np.eye(classes, dtype=np.float32), ipc, axis=0)
    phase = np.arange(len(labels))[:, None, None]
    images = 0.5 + 0.6 * np.sin((x + y * phase / ipc) * 6 + phase)[..., None]
    metadata = {"class_names": [f"digit {c}" for c in range(classes)]}
    np.savez(
        path,
        images=np.repeat(images, channels, -1).astype(np.float32),
        labels=labels,
        lr=np.float32(0.01),
        metadata=json.dumps(metadata),
    )


ARTEFACTS = ("curves.json", "metrics.jsonl", "scores.npz", "synthetic.npz")


def write_run(workdir, row, artefacts=True):
    if artefacts:
        names = {name.partition(".")[0]: name for name in ARTEFACTS}
        row = row | {"artifacts": names}
    folder = workdir / "runs" / row["run"]["id"]
    folder.mkdir(parents=True)
    (folder / "record.json").write_text(json.dumps(row))
    (folder / "status.json").write_text('{"status": "done", "error": null}')
    (folder / "config.json").write_text(json.dumps({"seed": row["run"].get("seed")}))
    if artefacts:
        (folder / "metrics.jsonl").write_text('{"step": 0, "loss": 1.0}\n' * 3)
        np.savez(folder / "scores.npz", logits=np.zeros((2, 3, 1, 4), np.float32))
        (folder / "curves.json").write_text(json.dumps(curves()))
        run = row["run"]
        synthetic(folder / "synthetic.npz", int(run["ipc"]), run["num_classes"])


def write_failed(workdir, run_id, status="failed", error="Diverged: loss is NaN"):
    folder = workdir / "runs" / run_id
    folder.mkdir(parents=True)
    (folder / "status.json").write_text(json.dumps({"status": status, "error": error}))


def sweep():
    """36 cells: images per class x initialisation x number of classes."""
    return [
        record(
            f"{i:012x}",
            shift=0.03 * np.log2(ipc / 5) + 0.02 * j - 0.01 * classes,
            ipc=ipc,
            init=init,
            num_classes=classes,
        )
        for i, (classes, (j, init), ipc) in enumerate(
            (classes, init, ipc)
            for classes in (2, 5, 10)
            for init in enumerate(("noise", "real", "kmeans"))
            for ipc in (1, 5, 10, 20)
        )
    ]
