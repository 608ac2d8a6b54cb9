"""A report names no folder of its owner, and no user."""

import json

import fabricate

from dd_jax import report

HOME = "/home/ada_l/pets"


def test_no_path_of_a_run_is_in_its_report(tmp_path):
    data = f"folder:{HOME}"
    row = fabricate.record() | {"data": fabricate.with_data()}
    row["run"] |= {
        "dataset": data,
        "config": {"data.source": data, "distill.init": f"public:npz:{HOME}/more.npz"},
        "data_notes": [f"{HOME}/set.npz: labels became one-hot", "left out a/, b/"],
    }
    fabricate.write_run(tmp_path, row)
    folder = tmp_path / "runs" / row["run"]["id"]
    config = {"data": {"source": data}, "distill": {"load": r"C:\Users\ada_l\set.npz"}}
    (folder / "config.json").write_text(json.dumps(config))
    page = report.build(tmp_path).read_text()
    assert "ada_l" not in page and "/home" not in page and "Users" not in page
    assert "set.npz: labels became one-hot" in page and "left out a/, b/" in page
