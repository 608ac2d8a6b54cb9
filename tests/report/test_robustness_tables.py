import fabricate

from dd_jax.report import robustness


def test_the_weakest_class_stands_beside_the_ratios():
    record = fabricate.record()
    table = robustness.secondary(record, "linf")
    assert table is not None
    radii = [eps for eps in fabricate.EPS["linf"] if eps > 0]
    assert len(table.rows) == 3 * len(radii)
    name, accuracy, weakest, rome, beard = table.rows[0]
    worst = record["robustness"]["distilled"]["worst_case"][1]["accuracy"]["mean"]
    assert name.detail == f"linf radius {radii[0]:.3g}"
    assert accuracy.text == f"{100 * worst:.1f} %"
    assert weakest.text == f"{50 * worst:.1f} %"
    assert (rome.text, beard.text) == ("0.600", "0.200")


def test_no_table_without_ratios():
    record = fabricate.record()
    assert robustness.secondary(record, "l2") is None
    assert robustness.secondary({"robustness": {"distilled": {}}}, "linf") is None
