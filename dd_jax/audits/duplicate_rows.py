"""The rows that are like other rows of train, a table for their owner."""

import csv
import io
from collections.abc import Mapping

from dd_jax.data.duplicates import Duplicates
from dd_jax.types import Split

COLUMNS = ("kind", "split", "row", "label", "train_row", "train_label")


def table(
    found: Mapping[str, Mapping[str, Duplicates]], splits: Mapping[str, Split]
) -> bytes:
    """Each row that is like a row of train, and that row, as CSV.

    Args:
      found: kind -> split -> duplicates.
      splits: the rows by split, `train` among them.

    Returns:
      UTF-8 with a header, `COLUMNS`; rows and labels are numbers, as `data.load` with
      the options of the run gives them.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    of_train = splits["train"].labels
    for kind, by_split in found.items():
        for split, (like, _) in by_split.items():
            labels = splits[split].labels
            writer.writerows(
                (kind, split, row, labels[row], other, of_train[other])
                for row, other in enumerate(like.tolist())
                if other >= 0
            )
    return text.getvalue().encode()
