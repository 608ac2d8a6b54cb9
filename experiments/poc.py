"""A first answer on your own images in a given time: what is gained, at what cost.

  python launch.py --config=experiments/poc.py --config.data.source=folder:DIR \
      --config.budget_minutes=30 --workdir=out

The data are looked at first, with advice before anything is trained. Then this machine
is timed to choose how large networks, sets and audits are, and which runs fit: 1, 10
and 50 images a class, initial images from real rows, noise and k-means, and robust
distillation; of a set made elsewhere (`--config.distill.load`) the one run. Each has
random subsets and the full data beside it, membership inference by shadow
distillations, and attacks. What did not fit is named; the same command goes on with it
for as long again, and with another language or other thresholds it decides on the same
runs. Keys that are given are kept, such as `--config.data.image_size=64` or
`--config.model.width=64`.

report.html starts with the decision: three checks as green, amber, red or not enough
data to tell, against thresholds that are keys (`--config.decision.KEY`), a recommended
setting, next steps and sentences for a meeting; in Japanese with
`--config.report.lang=ja`. For other programs: decision.json, junit.xml,
`--fail_on=red`.

Time: that of `budget_minutes`; exit status 2 where no run ends in it. On two cores 4.8
of 5 minutes for all 6 runs on 1,797 digits as PNG files, 14.5 of 15 for 4 runs on 2,000
images of Fashion-MNIST, and 24.0 of 30 for 2 runs on 13,002 images at 32x32 of 28
classes (Fashion-MNIST upright and turned, and a JPEG copy of CIFAR-10).
Expect a decision, or what would be enough for one: of digits amber, with 94.4 % at 50
images a class and 92.8 % at 10 in place of 96.5 %; of Fashion-MNIST not enough data to
tell of robustness, else amber, with 77.1 % at 10 in place of 80.4 %.
Records: experiments/results/poc_digits.jsonl and poc_fashion_mnist.jsonl, beside the
reports, and poc_28_classes.jsonl.
"""

from ml_collections import ConfigDict

from dd_jax import config


def get_config() -> ConfigDict:
    """Distribution matching, the audit of the data, and a decision."""
    return config.override(
        config.default(),
        {
            "budget_minutes": 30.0,
            "audits.data.enabled": True,
            "decision.enabled": True,
        },
        __name__,
    )
