"""The study's claims as tests on Records, fixed in code.

`registered` holds the claims of arXiv 2305.03355 as data: of each test the quantity,
the factor whose levels are compared with all other keys equal, the shape that is
claimed and the smallest effect of interest. `pairing` finds the Records, `rank_tests`
and `mean_tests` give p-values, `multiplicity` corrects them, `findings` decides.

**Unit.** Runs of one seed share the rows of the data, the full-data networks, the
random subsets and, from real images, the initial images. They are not independent, so
that cells (method x initialisation x classes) are no replicates: values are averaged
over conditions within a seed, and n is the number of seeds. What is inferred is about
these conditions on this data set, not about other methods or data. Different data sets
are tested apart.

**Registration.** Tests and smallest effects of interest do not depend on the Records
that are given. When they were written, the Records of seed 0 in `experiments/results`
were known; none had three seeds, so that none could be decided. For these the tests are
no registration in advance; for Records made later they are. Two rules are younger than
the 432 Records of digits, many of which had no partner without them, and older than
others with three seeds: ratios are compared where each has a recipe of its own, such as
a learning rate that grows with it, which changed no verdict; and CutMix, as IDC's
networks are published with, belongs to the recipe of the method. With IDC among the
methods the test that robust accuracy differs by method went from undecided to
supported.

**Tests.** Ordered levels: Page's L, which has more power against a trend than
Friedman's test and assumes no distribution. Unordered levels: Friedman's. Both by the
exact permutation distribution. They assume that without an effect the levels of a seed
are exchangeable; a level that only varies more breaks that, mildly. A difference from
another training data, and every bound other than zero, is a paired Student's t-test
over seeds, whose normality a few seeds cannot check: each value is a mean over
networks, rows or images and over conditions. Any-pair differences are equivalent if
TOST shows it for all pairs (intersection-union).

**Verdict.** Each test has two null hypotheses that exclude each other: "no effect as
claimed" and "an effect of at least the smallest of interest". Their p-values are
adjusted over all tests of all data sets, at a family-wise level of 0.05.
*Contradicted*: the second is rejected, the effect is negligible or the opposite.
*Supported*: only the first is, and the estimate is at least the smallest of interest.
Else *undecided*. Claims that something is "not less" are supported where a loss of the
smallest of interest is rejected, contradicted where a loss is shown and could be that
large.

**Three seeds.** The smallest p-values: Page 1/6 ^ 3 = 0.0046 with 3 levels, 1/24 ^ 3 =
0.00007 with 4; Friedman 1/6 ^ 2 = 0.028 with 3 levels, 1/24 ^ 2 = 0.0017 with 4. With
all 9 tests of one data set Holm starts at 0.05 / 9 = 0.0056. So 3 seeds can show a
trend over 4 ratios in either direction, over 3 ratios only in a direction that is
claimed, a difference between 4 methods, but not one between 3 initialisations, and a
move over 3 numbers of classes (two-sided, 0.0093) only after other tests have been
decided. 5 seeds can show a difference between 3 unordered levels (0.0008) where all
seeds order them alike; one level apart from two that are equal they show hardly ever. A
t-test of 3 seeds needs a mean of 9.4 standard errors for 0.0056; it decides only
differences that are large beside their spread. With 2 seeds or fewer none is decided.

Limits: robust accuracy includes clean accuracy; the class gap, a maximum minus a
minimum, grows with noise, so that its level over few test images is biased upwards;
Records without config keys (version 4 and older) are paired by their run keys alone.
"""

from collections.abc import Iterable, Sequence

from dd_jax.report.claims.claims_table import blocks, claim_lines, says_something, table
from dd_jax.report.claims.findings import Finding, examine
from dd_jax.report.claims.pairing import Reading, reading
from dd_jax.types import Record

__all__ = [
    "Finding",
    "Reading",
    "blocks",
    "claim_lines",
    "examine",
    "of_records",
    "reading",
    "says_something",
    "table",
]


def of_records(records: Iterable[Record]) -> list[Finding]:
    """The verdicts on some Records.

    Args:
      records: checked Records, as `dd_jax.report.records` reads them.

    Returns:
      A finding for each data set and test; too few Records are `undecided`.
    """
    readings: Sequence = [one for record in records if (one := reading(record))]
    return examine(readings)
