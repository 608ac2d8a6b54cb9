"""Claims on the page and by the command line."""

import json
import re

import cells
import fabricate
import pytest

from dd_jax import report
from dd_jax.report import claims
from dd_jax.report.__main__ import main
from dd_jax.report.claims.registered import CLAIMS, TESTS


def effect(ipc, seed, **_):
    return {"gap": 0.6 - 0.1 * cells.IPCS.index(ipc) + 0.01 * seed}


@pytest.fixture(scope="module")
def sweep(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sweep")
    records = cells.grid(effect, methods=["dm"], inits=["real"], classes=[10])
    for number, record in enumerate(records):
        record["run"]["id"] = f"{number:012x}"
        fabricate.write_run(folder, record, artefacts=False)
    report.build(folder)
    return folder


def test_the_page_has_the_claims_of_several_runs(sweep):
    page = (sweep / "report.html").read_text()
    section = page[page.index("Claims of the study</h2>") : page.index("All runs</h2>")]
    for claim in CLAIMS:
        assert f"({claim.letter}) " in section
    assert section.count("<tr>") == len(TESTS) + 1
    row = next(r for r in section.split("<tr>") if "class gap falls" in r)
    assert '<span class="badge supported">supported</span>' in row
    assert "images per class 1, 5, 10, 20 (0.69&nbsp;% to 14&nbsp;% of the data)" in row
    assert "3 seeds, 1 condition, 12 Records" in row


@pytest.mark.slow
def test_a_page_without_values_or_of_one_run_has_no_claims(tmp_path):
    for number in range(2):
        record = {"run": cells.cell()["run"] | {"id": f"{number:012x}"}}
        fabricate.write_run(tmp_path / "empty", record, artefacts=False)
    fabricate.write_run(tmp_path / "one", fabricate.record())
    for folder in ("empty", "one"):
        assert "Claims of the study" not in report.build(tmp_path / folder).read_text()


def test_the_command_says_the_same_of_a_folder_and_of_its_file(sweep, capsys):
    texts = []
    for path in (sweep, sweep / "results.jsonl"):
        assert main([str(path), "--claims"]) == 0
        texts.append(capsys.readouterr().out)
    assert texts[0] == texts[1]
    assert "**Claims: digits (scikit-learn)**" in texts[0]
    row = re.search(r"^\| \(a\) class gap falls .*$", texts[0], re.M)[0]
    assert "| supported |" in row and "| 30.0 points" in row
    assert len(re.findall(r"^\| \([abcd]\) ", texts[0], re.M)) == len(TESTS)


def test_damaged_lines_are_named_and_the_others_tested(tmp_path, capsys):
    path = tmp_path / "results.jsonl"
    lines = [json.dumps(record) for record in cells.grid(effect, methods=["dm"])]
    path.write_text("\n".join([*lines, '{"run": 1}', "{"]) + "\n")
    assert main([str(path), "--claims"]) == 0
    shown = capsys.readouterr()
    assert "| supported |" in shown.out and shown.err.count("warning") == 2


def test_records_without_seeds_are_no_error(tmp_path, capsys):
    record = cells.cell()
    del record["run"]["seed"]
    path = tmp_path / "results.jsonl"
    path.write_text(json.dumps(record) + "\n")
    assert main([str(path), "--claims"]) == 0
    assert "No Record names its seed" in capsys.readouterr().out


def test_a_claim_is_as_strong_as_its_weakest_test():
    finding = claims.of_records([cells.cell()])[0]
    of = lambda *words: claims.claim_lines([finding._replace(verdict=w) for w in words])
    assert of("supported", "supported")[0].endswith("Supported.")
    assert of("supported", "undecided")[0].endswith("Undecided.")
    assert of("supported", "contradicted")[0].endswith("Contradicted.")
