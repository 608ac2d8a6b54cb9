"""The README of the room: its code runs, its table of scores is the registry's."""

import re
from pathlib import Path

from dd_jax.audits import privacy

README = (Path(privacy.__file__).parent / "README.md").read_text()


def test_the_code_runs(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (code,) = re.findall(r"^```python\n(.*?)^```", README, re.MULTILINE | re.DOTALL)
    values = {}
    exec(code, values)
    assert "mean" in capsys.readouterr().out
    assert values["record"]["lira_online"]["auc"]["mean"] > 0.7


def test_the_table_names_every_score_with_what_it_needs():
    table = r"^\| (`.*?`) \| .* \| (none|out|in_out) \|"
    needs = {
        name: kind
        for names, kind in re.findall(table, README, re.MULTILINE)
        for name in re.findall("`(.*?)`", names)
    }
    assert needs == {name: score.needs for name, score in privacy.SCORES.items()}
