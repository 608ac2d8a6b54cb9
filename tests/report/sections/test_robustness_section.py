import fabricate

from dd_jax.report import headline, verdict
from dd_jax.report.artefacts import Artefacts
from dd_jax.report.display_names import PIPE_NAMES
from dd_jax.report.sections import robustness_section
from dd_jax.report.sections import robustness_tables as robustness


def test_the_weakest_class_stands_beside_the_ratios():
    record = fabricate.record()
    table = robustness.secondary(record, "linf")
    assert table is not None
    radii = [eps for eps in fabricate.EPS["linf"] if eps > 0]
    assert len(table.rows) == 3 * len(radii)
    name, accuracy, weakest, rome, beard = table.rows[0]
    worst = record["robustness"]["distilled"]["worst_case"][1]["accuracy"]["mean"]
    assert name.detail == f"Linf radius {radii[0]:.3g}"
    assert accuracy.text == f"{100 * worst:.1f} %"
    assert weakest.text == f"{50 * worst:.1f} %"
    assert (rome.text, beard.text) == ("0.600", "0.200")


def test_the_weakest_class_stands_without_ratios_too():
    record = fabricate.record()
    before = robustness.secondary(record, "linf")
    for part in record["robustness"].values():
        part["ratios"] = []
    table = robustness.secondary(record, "linf")
    assert table is not None and before is not None
    assert [row[:3] for row in table.rows] == [row[:3] for row in before.rows]
    assert {cell.text for row in table.rows for cell in row[3:]} == {"not measured"}


def test_no_table_of_the_worst_case_where_there_is_none():
    assert robustness.secondary(fabricate.record(), "l2") is None
    assert robustness.secondary({"robustness": {"distilled": {}}}, "linf") is None


def test_curves_as_one_number():
    part = {
        "area": {"linf": {"mean": 0.25, "ci": [0.125, 0.375], "n": 3}},
        "median_perturbation": {"deepfool": None},
        "median_fall": {"linf": {"mean": 0.0625, "ci": None, "n": 1}},
    }
    table = robustness.summaries({"robustness": {"full_data": part}})
    assert table is not None
    assert [row[0] for row in table.rows] == [
        "Area under the curve of all Linf attacks",
        "Median smallest distance, Linf, upper bound",
        "Median smallest distance, DeepFool",
    ]
    cells = [str(cell) for cell in table.rows[0][1:]]
    assert cells == ["not measured", "not measured", "0.250 (0.125 to 0.375)"]
    assert table.rows[1][3].text == "0.062"
    assert str(table.rows[2][3]) == "above the largest radius"
    assert robustness.summaries({"robustness": {}}) is None


def test_l1_attacks_have_a_table_and_a_curve():
    record = fabricate.record()
    table = robustness.attacked(record, "l1")
    assert table is not None and table.columns[1:] == ("0", "2", "5")
    assert table.rows[0][0].detail == "APGD-CE, L1"
    first, *_ = robustness_section.blocks(record, Artefacts())
    shown = [figure.alt for figure in first.items]
    assert [alt.split()[4] for alt in shown] == ["Linf", "L2", "L1"]


def test_a_curve_has_the_attacks_of_one_norm():
    record = fabricate.record()
    linf = fabricate.legend(robustness_section.curves(record, "linf"))
    l2 = fabricate.legend(robustness_section.curves(record, "l2"))
    assert "Distilled, FGSM" in linf and "Distilled, PGD L2" not in linf
    assert l2 == [f"{PIPE_NAMES[pipe]}, PGD L2" for pipe in fabricate.LEVEL]


def test_components_of_autoattack_are_explained_in_turn():
    record = fabricate.record()
    assert robustness.components(record) is None
    after = {"apgd_ce": {"mean": 0.5}, "square": {"mean": 0.375}}
    row = {"eps": 0.1, "norm": "l2", "accuracy": 0.375, "components": after}
    clean = {"eps": 0.0, "norm": "l2", "accuracy": 0.9, "components": after}
    found = {"autoattack:l2": [clean, row]}
    record["robustness"]["full_data"]["attacks"] |= found
    table = robustness.components(record)
    assert table is not None
    ((name, left),) = table.rows
    assert str(name) == "Full data (AutoAttack, L2, L2 0.1)"
    assert left == "APGD-CE 50.0 %, Square 37.5 %"


def test_the_verdict_says_what_stronger_attacks_leave():
    record = fabricate.record()
    part = record["robustness"]["distilled"]
    ours = headline.robustness(record)
    assert ours is not None and headline.all_attacks(record, ours.eps) is None
    row = next(r for r in part["worst_case"] if r["eps"] == ours.eps)
    row["accuracy"] = {"mean": 0.125, "ci": None, "n": 1}
    finding = verdict.verdict_on_robustness(record).finding
    assert "Under all Linf attacks combined: 12.5 %." in finding


def test_images_without_a_gradient_are_reported():
    record = fabricate.record()
    printed = lambda: [
        n for n in robustness_section.explanation(record, {}) if "zero gradient" in n
    ]
    record["robustness"]["full_data"]["zero_gradients"] = {"mean": 0.0, "n": 1}
    assert printed() == []
    record["robustness"]["random_subset"]["zero_gradients"] = {"mean": 0.25, "n": 1}
    assert printed() == ["Up to 25.0 % of the images have a zero gradient."]
