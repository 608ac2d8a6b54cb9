"""Which cells of a sweep share compiled programs, and networks trained once."""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from ml_collections import ConfigDict

from dd_jax import config as configs
from dd_jax.catalogue import entry
from dd_jax.config.sharing import PARTS, audit_keys, shadow_keys, static_keys


class Shares(NamedTuple):
    """What one cell shares with others: with those whose id is the same.

    Attributes:
      programs: id of its compiled programs.
      parts: part of a run, a key of `config.sharing.PARTS`, `teacher`, `scores of rows`
        or `controls`, to its id; of the parts that the cell has.
    """

    programs: str
    parts: dict[str, str]


def shares_of(cell: Any) -> Shares:
    """What a prepared cell shares, by its config and its data.

    Experts count as different where any option of their method is, and a teacher where
    its epochs or its learning rate are. Random subsets beside loaded sets count as
    different where the sets are, though they are shared by those of one size.
    """
    config = cell.config
    parts = {part: PARTS[part] for part in _parts_of(config)}
    if config.distill.load:
        parts["random_subset"] += ("distill.load",)
    if "experts" in parts:
        parts["experts"] += (entry("method", config.distill.method).prefix,)
    if config.distill.labels == "teacher" and not config.distill.load:
        recipe = ("distill.teacher.epochs", "distill.teacher.lr")
        parts["teacher"] = (*PARTS["experts"], *recipe)
    if config.audits.privacy.enabled:
        first = [part for part in ("experts", "teacher") if part in parts]
        more = {f"shadow_{p}": (*parts[p], *shadow_keys(config)) for p in first}
        parts |= more
    if config.audits.controls.enabled:
        own = audit_keys("controls")
        parts["scores of rows"] = (*PARTS["full_data"], *own)
        parts["controls"] = (*parts["random_subset"], *own)
    programs, *ids = configs.run_ids(
        config, cell.fingerprint, [static_keys(config), *parts.values()]
    )
    return Shares(programs, dict(zip(parts, ids)))


def _parts_of(config: ConfigDict) -> Iterable[str]:
    baselines = ["random_subset", "full_data"] + ["dp_sgd"] * (config.dp.sgd.epochs > 0)
    yield from baselines
    if config.distill.load:
        return
    if entry("method", config.distill.method).traits.get("follows_experts"):
        yield "experts"
    if config.audits.privacy.enabled:
        yield from (f"{baseline}_shadows" for baseline in baselines)
        privacy = config.audits.privacy
        if privacy.canaries and "hardest" in privacy.canary_kinds:
            yield "early_networks"


def described(shared: Sequence[Shares]) -> list[str]:
    r"""Two lines: groups of cells with the same programs, and what is trained once.

    >>> a, b = Shares("p", {"full_data": "x"}), Shares("q", {"full_data": "x"})
    >>> print(*described([a, a, b]), sep="\n")
    compiled programs: 2 groups of 1 to 2 cells that differ in no shape
    trained once for all cells that agree on them: 1 full data (for 3 cells)
    """
    sizes = Counter(s.programs for s in shared).values()
    uses: dict[str, list[str]] = {}
    for part, name in (pair for s in shared for pair in s.parts.items()):
        uses.setdefault(part, []).append(name)
    trained = [
        f"{len(set(names))} {part.replace('_', ' ')} (for {len(names)} cells)"
        for part, names in uses.items()
    ]
    least, most = min(sizes), max(sizes)
    size = f"{most}" if least == most else f"{least} to {most}"
    groups = f"{len(sizes)} group{'s' * (len(sizes) > 1)}"
    return [
        f"compiled programs: {groups} of {size} cells that differ in no shape",
        f"trained once for all cells that agree on them: {', '.join(trained)}",
    ]
