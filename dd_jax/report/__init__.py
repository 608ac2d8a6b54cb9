"""Tables, figures and the HTML report, made from Records and artefact files alone."""

from pathlib import Path

from dd_jax.paths import expanded


def build(workdir: str | Path) -> Path:
    """Rebuild `results.jsonl` and `report.html` of a work directory.

    Args:
      workdir: the folder that holds `runs/RUN_ID/`.

    Returns:
      The path of `report.html`.

    Raises:
      InputError: the folder holds no runs, or one of its Records is malformed.
    """
    # Deferred: drawing needs matplotlib, which readers of Records alone do without.
    from dd_jax.report.html import write_html
    from dd_jax.report.records import write_results

    workdir = expanded(workdir)
    write_results(workdir)
    return write_html(workdir)
