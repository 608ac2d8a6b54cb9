"""The notes of the membership section: threats, shadow models, members."""

from dd_jax.report import headline
from dd_jax.report.display_names import THREAT_NAMES, display_name
from dd_jax.report.formats import count, decimal, format_value, rate, share
from dd_jax.report.records import estimate, lookup
from dd_jax.types import Record

THREATS = {
    "t0": "an attacker asks which real images the distillation started from",
    "t1": "an attacker has the released synthetic set",
    "t1_images": "an attacker has its images, and for each the class of highest label",
    "t2": "an attacker queries one trained model, which returns its logits",
}


def explanation(record: Record, config: dict) -> list[str]:
    """Who attacks what, with how many shadow models, and who counts as a member."""
    attacks = headline.attacks(record)
    threats = {attack.threat: attack.auc for attack in attacks}
    audit = lookup(config, "audits", "privacy") or {}
    lines = [
        f"Threat {name.upper()}: {THREATS[name]}."
        if name in THREATS
        else f"Threat {THREAT_NAMES.get(name, name)}."
        for name in threats
    ]
    lines += _shadows(record, threats, audit)
    if {"t1", "t1_images"} & set(threats) and (
        repeats := audit.get("repeats") or 1
    ) > 1:
        lines.append(f"T1 averages {repeats} nets trained on each released set.")
    attack = headline.membership(record)
    if attack and (bound := _shared_seed(record, attack)):
        lines.append(
            "Attacker whose shadow models mostly share one random seed: "
            f"{display_name(attack.score, record, 'score')} on {attack.threat.upper()} "
            f"has AUC {decimal(bound)}."
        )
    if "t0" in threats:
        worst = lookup(record, "privacy", "protocol")
        which = "audit rows" if worst else "real images"
        lines.append(
            "T0 has its own shadow distillations, of all training rows: members are "
            f"the {which} that each started from, non-members the other half of a "
            "fixed list. It is the positive control of real initial images."
        )
    return [*lines, *_resolution(record, threats)]


def _shared_seed(record: Record, attack: headline.MembershipAttack) -> dict | None:
    """AUC of an attack with the shadow models that share a seed."""
    rates = lookup(record, "privacy", "distilled", attack.threat, attack.score)
    keys = ("shared_seed", "known_randomness")  # the second in older Records
    return next((auc for key in keys if (auc := lookup(rates, key, "auc"))), None)


def _shadows(record: Record, threats: dict, audit: dict) -> list[str]:
    of_sets = ("t2", "t1", "t1_images")
    attacked = (
        estimate(next((threats[t] for t in of_sets if threats.get(t)), None)) or {}
    )
    number = int(attacked.get("n") or 0)
    if not number:
        return []
    epochs = audit.get("epochs")
    shadows = number + (audit.get("shadows", 0) if audit.get("joint") else 0)
    rows, members = _rows(record, lookup(record, "privacy", "protocol"))
    return [
        f"{count(shadows, 'shadow distillation')}, each of {rows}, with one net "
        f"trained on the result{f' for {epochs} epochs' if epochs else ''}. "
        f"{_targets(audit)}; the nets evaluated for accuracy are not those attacked.",
        *members,
    ]


def _rows(record: Record, protocol: dict | None) -> tuple[str, list[str]]:
    """Which rows a shadow model has, and who counts as a member."""
    if not protocol:
        members = "Members are all rows of the half that was distilled."
        return "its own half of the training rows", [members + _unused(record)]
    audited = count(protocol["audit_rows"], "audit row")
    rows = f"its own half of {audited} and all other training rows"
    return rows, _worst_case(protocol)


def _worst_case(protocol: dict) -> list[str]:
    """What the figures are of, and how large the audit is beside the published one."""
    published, shadows = protocol.get("published"), protocol["shadows"]
    line = (
        "Worst-case protocol: the figures are of the audit rows, which are easily "
        "memorised; members are those that the target was given. All other rows are a "
        "fixed bulk that every shadow model has."
    )
    if not protocol.get("smaller") or not published:
        return [line]
    return [
        line,
        f"This audit, of {count(protocol['audit_rows'], 'audit row')} and "
        f"{count(shadows, 'shadow model')}, is smaller than the published setting of "
        f"{published['audit_rows']} and {published['shadows']} (Zhao and Zhang 2025).",
    ]


def _targets(audit: dict) -> str:
    """Which of the shadow models are attacked."""
    if not audit.get("joint"):
        return (
            "Each of these nets is attacked in turn with the others as shadow models "
            "(its complement left out)"
        )
    return (
        f"{format_value(audit.get('shadows'))} of them share networks and real "
        f"batches; the other {format_value(audit.get('targets'))} have seeds of their "
        "own and are attacked in turn with all others as shadow models (their "
        "complement left out). Of the baselines all nets are attacked"
    )


def _unused(record: Record) -> str:
    """How few members the random subset has seen, where the sizes are known."""
    ratio = record["run"].get("ratio")
    if not ratio or ratio >= 0.5:
        return ""
    return (
        " For the random subset they are all rows of the half it was drawn from, "
        f"although its net has seen only about {share(2 * ratio)} of them."
    )


def _resolution(record: Record, threats: dict) -> list[str]:
    """The smallest FPR that each threat's sample resolves."""
    resolved: dict[str, list[str]] = {}
    for threat in threats:
        if smallest := headline.resolution(record, threat):
            resolved.setdefault(rate(smallest), []).append(threat.upper())
    lines = []
    for smallest, which in resolved.items():
        whose = f" ({' and '.join(sorted(which))})" if len(threats) > 1 else ""
        lines.append(
            f"The pooled non-members of all targets resolve an FPR down to {smallest}"
            f"{whose}, which is {headline.FALSE_POSITIVES} false positives."
        )
    return lines
