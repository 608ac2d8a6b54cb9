import fabricate

from dd_jax.report import markdown
from dd_jax.report.sections.transfer_section import transfer


def transferred(source, target, eps, mean):
    return {
        "source": source,
        "target": target,
        "attack": "pgd_linf",
        "eps": eps,
        "norm": "linf",
        "accuracy": {"mean": mean, "ci": None, "n": 1},
    }


def test_transfer_has_a_row_and_a_column_for_every_group():
    record = fabricate.record() | {
        "transfer": [
            transferred("distilled", "vgg11", 0.03, 0.25),
            transferred("distilled", "vgg11", 0.2, 0.01),
            transferred("vgg11", "distilled", 0.03, 0.5),
            transferred("set 1, dsa", "vgg11", 0.03, 0.75),
        ]
    }
    table = transfer(record)
    assert table is not None
    names = ("Distilled", "Random subset", "Full data", "VGG-11", "set 1, dsa")
    assert table.columns == ("Source, target; PGD Linf at 0.03", *names)
    rows = {row[0]: [str(cell) for cell in row[1:]] for row in table.rows}
    assert tuple(rows) == names
    assert rows["Distilled"] == ["", "", "", "25.0 %", ""]
    assert rows["VGG-11"] == ["50.0 %", "", "", "", ""]
    assert rows["set 1, dsa"][3] == "75.0 %"
    text = markdown.transfer([record, fabricate.record()]).splitlines()
    assert (
        text[0]
        == "Distribution matching (DM) on digits (scikit-learn), 10 images per class:"
        and len(text) == 2 + 2 + 5
    )
    assert text[4] == "| Distilled |  |  |  | 25.0 % |  |"
    record["transfer"].append(transferred("distilled", "vgg11", 0.0, 0.875))
    table = transfer(record)
    assert table is not None and len(table.rows) == 6
    assert [str(cell) for cell in table.rows[0]][3:] == ["", "87.5 %", ""]
