"""A first answer on your own images, in a given time: what is gained, and what it costs.

  python launch.py --config=experiments/poc.py --config.data.source=folder:DIR \
      --config.budget_minutes=30 --workdir=out

Times this machine, then chooses how large networks, sets and audits are, and which runs
fit: 1, 10 and 50 images a class, initial images from real rows, noise and k-means, and
robust distillation. Each run has random subsets and the full data beside it, membership
inference by shadow distillations, and attacks. What did not fit is named; the same
command goes on with it. Keys that are given are kept, such as
`--config.data.image_size=64` or `--config.model.width=64`.

Time: that of `budget_minutes`.
"""

from ml_collections import ConfigDict

from dd_jax import config


def get_config() -> ConfigDict:
    """Distribution matching; what it is compared with and audited for."""
    return config.override(config.default(), {"budget_minutes": 30.0}, __name__)
