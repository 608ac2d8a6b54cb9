"""Every number in the tables of the READMEs comes from a Record."""

import json
import re
import runpy
from functools import cache
from importlib import import_module

import numpy as np
import pytest
from tiny import ROOT

from dd_jax import catalogue
from dd_jax.config import sweep
from dd_jax.report import headline, markdown_text
from dd_jax.report.display_names import fair_form, short_name
from dd_jax.report.formats import decimal, percent
from dd_jax.report.records import readable_lines

EXPERIMENTS = ROOT / "experiments"
RESULTS = EXPERIMENTS / "results"
FIRST = (ROOT / "README.md").read_text()
RESULTS_PAGE = (EXPERIMENTS / "README.md").read_text()
MNIST = "idx:/usr/share/datasets/fashion-mnist"


@cache
def lines_of(path):
    found, damaged = readable_lines(path)
    assert not damaged
    return found


def records_of(name, **kept):
    (path,) = RESULTS.glob(f"{name}.jsonl*")
    return [r for r in lines_of(path) if all(r["run"][k] == v for k, v in kept.items())]


def one(name, **kept):
    (record,) = records_of(name, **kept)
    return record


def row(*cells):
    return f"| {' | '.join(map(str, cells))} |"


def test_records_are_of_clean_commits():
    for path in RESULTS.glob("*.jsonl*"):
        for record in lines_of(path):
            assert record["run"]["commit"] and record["run"]["dirty"] is False, path


def test_tables_are_filled_from_records():
    assert "<!-- table:" in RESULTS_PAGE
    assert markdown_text.filled(RESULTS_PAGE, EXPERIMENTS) == RESULTS_PAGE


def test_every_table_of_numbers_is_made_from_records():
    """No line with a percentage stands outside what the tests here make."""
    kept = re.sub(
        r"^<!-- table:.*?<!-- end of table -->", "", RESULTS_PAGE, flags=re.M | re.S
    )
    made = {*timings(), *shadow_costs(), *autoattack(), *inner_loops()}
    lines = [line for line in kept.splitlines() if re.match(r"\|.*\d\.\d", line)]
    assert {line for line in lines if not line.startswith("| `")} <= made


CASES = ("dm", "dsa", "mtt", "train", "nets", "pgd")


def versus_torch(name):
    """The Record, and its numbers by case."""
    record = json.loads((RESULTS / f"versus_torch_{name}.json").read_text())
    (found,) = record["seconds_per_step"].values()
    return record, found


def ratio(name, case):
    _, found = versus_torch(name)
    return "{median:.2f} [{low:.2f}, {high:.2f}]".format(**found[case]["ratio"])


def peer(name):
    """What PyTorch was: its version, and how many variants the fastest is of."""
    record, found = versus_torch(name)
    version = ".".join(record["torch"]["torch"].split(".")[:2])
    count = len(found["dm"].get("variants", ()))
    return f"{version}, " + (f"fastest of {count}" if count > 1 else "eager")


TIMINGS = [
    (width, jax, name + suffix)
    for width, name in ((32, "small"), (128, "w128"))
    for jax, suffix in (("0.12", ""), ("0.10", "_jax_0.10"))
]
NEWEST = 128, "0.12"


def timings():
    lines = [
        row(width, jax, peer(name), *(ratio(name, case) for case in CASES))
        for width, jax, name in TIMINGS
    ]
    for width, jax, name in TIMINGS:
        _, found = versus_torch(name)
        shares = [found[case].get("share_of_matmul") for case in CASES]
        if all(shares):
            lines.append(row(width, jax, *(f"{100 * share:.0f} %" for share in shares)))
    return lines


def prose(text):
    return " ".join(text.split())


def test_the_page_says_when_timings_were_measured_and_what_misses_the_aim():
    (said,) = re.findall(r"\nThe aim is .*?\n\n64 joint", RESULTS_PAGE, re.S)
    said = prose(said)
    for width, jax, name in TIMINGS:
        record, found = versus_torch(name)
        assert record["commit"][:7] in said
        assert (len(found["dm"].get("variants", ())) > 1) == ((width, jax) == NEWEST)
    _, found = versus_torch("w128")
    shares = [found[c]["share_of_matmul"] for c in CASES if c != "dm"]
    assert all(found[c]["ratio"]["median"] > 0.6 for c in CASES)
    assert f"their {100 * min(shares):.0f} to {100 * max(shares):.0f} %" in said
    _, old = versus_torch("small_jax_0.10")
    for case in ("mtt", "nets"):
        assert f"{old[case]['ratio']['median']:.2f}" in said


def published_cells(module):
    """`(method, images a class)` of the cells of published recipes."""
    points = import_module(f"experiments.{module}").sweep()
    return [(point["distill.method"], point["distill.ipc"]) for point in points]


def test_the_page_names_the_cells_and_benchmarks_without_a_record():
    done = {
        (r["run"]["method"], r["run"]["ipc"])
        for r in records_of("fashion_mnist_published_h100")
    }
    cells = published_cells("fashion_mnist_published")
    missing: dict[str, list[str]] = {}
    for method, ipc in cells:
        if (method, ipc) not in done:
            label = short_name(catalogue.entry("method", method).label)
            missing.setdefault(label, []).append(str(ipc))
    words = ", ".join(f"{label} at {' and '.join(n)}" for label, n in missing.items())
    page = prose(RESULTS_PAGE)
    assert f"of Fashion-MNIST {words} images a class" in page
    assert not list(RESULTS.glob("cifar10_published*"))
    assert f"all {len(published_cells('cifar10_published'))} cells of `cifar10" in page
    kinds = (json.loads(f.read_text())["benchmark"] for f in RESULTS.glob("acc*.json"))
    assert "accelerator" not in kinds
    assert "the Record of [`benchmarks/accelerator.py`]" in page


def shadow_costs():
    found = [(r["run"], r["cost"]["shadows"]["64"]) for r in records_of("shadow_cost")]
    return [
        row(
            run["method"].upper(),
            run["dataset"].replace(MNIST, "Fashion-MNIST"),
            run["ipc"],
            f"{cost['plain_steps']:.1f}",
            f"{cost['plain_steps_by_flops']:.1f}",
            f"{cost['plain_runs']:.1f}",
        )
        for run, cost in found
    ]


def inner_loops():
    lines = []
    for line in (RESULTS / "inner_loops.rows").read_text().splitlines():
        found = json.loads(line)
        step = found["step_seconds"]
        parts = [
            " to ".join(f"{100 * seconds / step:.0f}" for seconds in found[part]) + " %"
            for part in ("network", "real")
        ]
        label = short_name(catalogue.entry("method", found["method"]).label)
        lines.append(row(label, f"{step:.2f}", *parts))
    return lines


def autoattack():
    lines = []
    for suffix, words in (("", "5 epochs"), ("_10_epochs", "10 epochs")):
        path = RESULTS / f"autoattack_fashion_mnist{suffix}.json"
        found = json.loads(path.read_text())
        for part, more in (("plain", ""), ("adversarial", ", adversarial")):
            if part in found:
                own = found[part]
                attacks = own["pgd_linf"], own["autoattack"]
                left = (percent(attack["accuracy"]) for attack in attacks)
                seconds = round(own["autoattack"]["seconds"])
                lines.append(
                    row(
                        words + more,
                        own["images"],
                        percent(own["clean"]),
                        *left,
                        seconds,
                    )
                )
    return lines


@pytest.mark.parametrize("made", [timings, shadow_costs, autoattack, inner_loops])
def test_timings_and_autoattack_are_those_of_the_records(made):
    for line in made():
        assert line in RESULTS_PAGE.splitlines()


def published(method, size):
    found = sweep.read(EXPERIMENTS / "fashion_mnist_published.py").PUBLISHED
    return found[method][size] if method in found else None


def robust(record, pipe, eps):
    (found,) = (
        r["accuracy"]
        for r in record["robustness"][pipe]["worst_case"]
        if (r["norm"], round(r["eps"], 3)) == ("linf", eps)
    )
    return found


H100 = "fashion_mnist_published_h100"
OTHERS = ("fashion_mnist", "robustness_fashion_mnist", "controls_fashion_mnist")


def fashion(method, ipc):
    return one("fashion_mnist", method=method, ipc=ipc)


def test_the_headline_table():
    accuracy = headline.accuracy
    typical = privacy("privacy_digits", "t0", init="real")
    attacked = one("robustness_fashion_mnist", method="dm", ipc=10)
    mnist, none, on_gpu = "Fashion-MNIST", "-", "10 images a class, H100"
    expected = [
        row(
            f"accuracy, {label}, {size}",
            mnist,
            percent(value),
            f"{published(method, at)} %",
        )
        for label, size, value, method, at in (
            ("DM", on_gpu, accuracy(one(H100, method="dm", ipc=10)), "dm", 1),
            ("DSA", on_gpu, accuracy(one(H100, method="dsa", ipc=10)), "dsa", 1),
            ("MTT", "10 images a class", accuracy(fashion("mtt", 10)), "mtt", 1),
            ("IDC", "1 image a class", accuracy(fashion("idc", 1)), "idc", 0),
        )
    ]
    left = robust(attacked, "distilled", 0.05)
    worst = privacy("privacy_canaries_digits", "t0", method="dm", init="real")
    time = ratio("w128", "dm")
    time = time.replace("[", "(").replace(", ", " to ").replace("]", ")")
    expected += [
        row(
            "membership AUC (T0), DM from real images",
            "digits",
            decimal(typical),
            none,
        ),
        row(
            "membership AUC (T0), canaries, DM from real images",
            "digits",
            decimal(worst),
            none,
        ),
        row(
            "accuracy under PGD, Linf 0.05, DM, 10 images a class",
            mnist,
            percent(left),
            none,
        ),
        row("time of a DM step over the fastest PyTorch's", "28x28 images", time, none),
    ]
    table = re.search(r"^\| what \|.*\n\|.*\n((?:\|.*\n)+)", FIRST, re.M)
    assert table[1].splitlines() == expected


def test_recipes_of_dance_rest_on_held_out_records():
    words = (EXPERIMENTS / "controls_fashion_mnist.py").read_text()
    held_out = records_of("controls_fashion_mnist", split="validation", method="dance")
    found = {}
    for record in held_out:
        config = record["run"]["config"]
        if record["run"]["ipc"] == 1 and config["distill.lr"] == 0.03:
            steps, epochs = config["distill.steps"], config.get("train.epochs", 300)
            at_once = config["distill.augment"] == "color+crop+cutout"
            mean = record["accuracy"]["distilled"]["mean"]
            found[steps, epochs, at_once] = f"{100 * mean:.1f} %"
    assert f"{found[300, 300, False]} after 300" in words
    assert f"{found[300, 1500, False]} with 1,500 epochs" in words
    assert f"{found[2000, 1500, False]} with 2,000 steps" in words
    both = f"has {found[300, 1500, True]} where one operation of six has "
    assert both + found[300, 1500, False] in words


def ours(method, ipc):
    """Accuracy of a method in per cent, starred on an H100; empty without a Record."""
    if method == "random":
        found = [("", headline.accuracy(fashion("dm", ipc), "random_subset"))]
    else:
        files = {H100: r"\*"} | dict.fromkeys(OTHERS, "")
        found = [
            (mark, headline.accuracy(record))
            for name, mark in files.items()
            for record in records_of(name, method=method, ipc=ipc, split="test")
        ]
    return percent(found[0][1]).text.removesuffix(" %") + found[0][0] if found else ""


def test_the_table_of_methods():
    written = re.findall(r"^\| (\S.*?) \| `(\w+)` \| .*? \| .*? \|(.*)\|$", FIRST, re.M)
    labels = {
        name: short_name(catalogue.label(name)) for name in catalogue.names("method")
    }
    assert [name for _, name, _ in written] == list(catalogue.names("method"))
    for label, name, cells in written:
        assert label == labels[name] or name == "random"
        numbers = [cell.strip() for cell in cells.split("|")]
        known = [published(name, at) for at in (0, 1)]
        expected = [ours(name, 1), ours(name, 10)]
        expected += ["" if value is None else str(value) for value in known]
        assert numbers == expected, name


def test_the_table_of_experiments():
    written = dict(re.findall(r"^\| `(\w+)` \|(.*)$", RESULTS_PAGE, re.M))
    assert sorted(written) == sorted(path.stem for path in EXPERIMENTS.glob("*.py"))
    auc = lambda name, threat, **kept: f"{privacy(name, threat, **kept)['mean']:.2f}"
    text = lambda value: percent(value).text
    dm = [headline.accuracy(r) for r in records_of("fashion_mnist_dm")]
    subsets = one("robustness_fashion_mnist", method="dm", ipc=10)
    checks = one("robustness_checks_fashion_mnist")["robustness"]["distilled"]["checks"]
    defended = [robust(r, "distilled", 0.1) for r in records_of("robust_digits")]
    defended = sorted(f"{100 * value['mean']:.1f}" for value in defended)
    strongest = lambda name: max(
        headline.membership(r).auc["mean"] for r in records_of(name, num_classes=10)
    )
    expected = {
        "fashion_mnist_dm": [text(max(dm, key=lambda value: value["mean"]))],
        "robustness_fashion_mnist": [
            text(robust(subsets, "distilled", 0.05)),
            text(robust(subsets, "full_data", 0.05)),
        ],
        "robust_digits": [f"{defended[0]} to {defended[-1]} %"],
        "ablation_digits": [f"{strongest('ablation_digits'):.3f}"],
        "ablation_fashion_mnist": [f"{strongest('ablation_fashion_mnist'):.3f}"],
        "privacy_digits": [auc("privacy_digits", "t0", init="real")],
        "privacy_fashion_mnist": [
            auc("privacy_fashion_mnist", "t0", init="real", ipc=10)
        ],
        "privacy_canaries_digits": [
            auc("privacy_canaries_digits", threat, method="dm", init="real")
            for threat in ("t0", "t1")
        ],
        "privacy_canaries_fashion_mnist": [
            auc("privacy_canaries_fashion_mnist", threat, method=method, init="real")
            for method, threat in (("dm", "t0"), ("mtt", "t0"), ("dm", "t1"))
        ],
        "privacy_digits_methods": [auc("privacy_digits_methods", "t0", method="idc_i")],
        "robustness_checks_fashion_mnist": [
            f"{sum(v is True for v in checks.values())} of {len(checks)}"
        ],
    }
    forms = {}
    for r in records_of("fair_coloured_fashion_mnist", width=64):
        odds = r["fairness"]["distilled"]["deo_max"]["mean"]
        if r["run"]["init"] == "balanced" and r["cost"].get("distill_seconds"):
            of_form = forms.setdefault(fair_form(r), [])
            of_form.append((headline.accuracy(r)["mean"], odds))
    mean = lambda form, i: 100 * np.mean([pair[i] for pair in forms[form]])
    expected["fair_coloured_fashion_mnist"] = [
        f"{mean(form, 0):.1f} % and" for form in ("balanced", "fairdd")
    ] + [f"{mean(form, 1):.0f} %" for form in ("balanced", "fairdd")]
    worst = {}
    for r in records_of("imbalance_fashion_mnist", split="test"):
        ratio = r["run"]["config"].get("data.imbalance_ratio", 10.0)
        least = min(r["accuracy"]["distilled"]["per_class"])
        worst.setdefault((fair_form(r), ratio), []).append(100 * least)
    expected["imbalance_fashion_mnist"] = [
        "{:.1f} and {:.1f} %".format(*(np.mean(worst[form, r]) for r in (10.0, 100.0)))
        for form in ("", "allocation")
    ]
    for name in ("poisoned_sets", "poisoned_fashion_mnist"):
        poisoned = [r["backdoor"] for r in records_of(name) if "backdoor" in r]
        success = [100 * own["distilled"]["success"]["mean"] for own in poisoned]
        expected[name] = [f"success {np.mean(success):.1f} %"]
    for name, words in expected.items():
        assert all(word in written[name] for word in words), (name, words)


def test_images_are_allocated_by_the_errors_of_held_out_records():
    errors = runpy.run_path(f"{EXPERIMENTS}/imbalance_fashion_mnist.py")["ERRORS"]
    held_out = {
        r["run"]["config"].get("data.imbalance_ratio", 10.0): tuple(
            round(1 - share, 3) for share in r["accuracy"]["distilled"]["per_class"]
        )
        for r in records_of("imbalance_fashion_mnist", split="validation")
    }
    assert held_out == errors


def privacy(name, threat, **kept):
    return one(name, **kept)["privacy"]["distilled"][threat]["rmia"]["auc"]


def test_hours_of_the_ablation_follow_from_cells_done_again():
    """Cells of the other seeds and initial images compile nothing of their own."""
    pace = json.loads((RESULTS / "ablation_digits_pace.rows").read_text())
    words = " ".join((EXPERIMENTS / "ablation_digits.py").read_text().split())
    times, wall = pace["of"] / pace["cells"], pace["wall_seconds"]
    compiled = pace["compile_seconds"] / pace["workers"]
    shared = times * (wall - compiled) + compiled
    assert len(list(records_of("ablation_digits"))) == pace["of"]
    assert f"About {shared / 3600:.1f} hours of two CPU cores" in words
    assert f"{wall / 60:.0f} minutes" in words
    assert f"all of it nine times would be {times * wall / 3600:.1f}" in words


def test_the_gain_of_cells_that_share():
    found = json.loads((RESULTS / "shared_cells.rows").read_text())["seconds"]
    page = (ROOT / "dd_jax" / "README.md").read_text()
    for way in ("one by one", "one process", "together"):
        assert f"{min(found[way])} s" in page
