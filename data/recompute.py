"""Relax rows of the raw table once more and compare the voltages.

    python data/recompute.py 20 --jobs 2           20 rows, sampled with a seed

It needs CHGNet (data/requirements.txt). The exit status is 1 if a row differs by more than a limit.
"""

import argparse
import sys
from pathlib import Path

import pandas as pd

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import hosts
import relax
import rules

from voltage_lab import messages, settings

SEED = 20  # of the sample
MAX_DIFFERENCE = 0.02  # V, of any row


def recompute(rows, jobs):
    """Relax rows once more and compare the voltages.

    Parameters
    ----------
    rows : pandas.DataFrame
        Some of `rules.load_valid_rows`.
    jobs : int
        Processes.

    Returns
    -------
    pandas.DataFrame
        Columns computed, recomputed, difference (V), indexed by id; a row that fails has none.
    """
    pairs = [
        pair for pair in hosts.make_pairs(hosts.load_prototypes()) if pair[0]["id"] in rows.index
    ]
    again = pd.DataFrame(relax.compute_rows(pairs, jobs)).set_index("id")
    energies = ["energy_lithiated", "energy_host", "energy_li", "x"]
    again = again[energies].apply(pd.to_numeric, errors="coerce")
    table = pd.DataFrame({"computed": rows["voltage"], "recomputed": rules.voltage(again)})
    table["difference"] = table["recomputed"] - table["computed"]
    return table


def main(arguments=None):
    """Recompute a sample; raise LabError if a row differs by more than the limit."""
    parser = settings.Parser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("count", type=int, help="rows to relax once more")
    parser.add_argument("--jobs", type=int, default=1, help="processes (default: 1)")
    options = parser.parse_args(arguments)
    rows = rules.load_valid_rows()
    if not 1 <= options.count <= len(rows):
        raise messages.LabError(f"{options.count} rows: give 1 to {len(rows)}")
    relax.check_options(options.jobs)
    table = recompute(rows.sample(options.count, random_state=SEED), options.jobs)
    print(table.to_string(float_format="{:.4f}".format), "\n")
    differences = table["difference"].abs()
    print(
        f"recomputed: {len(table)}, largest difference {differences.max():.4f} V, "
        f"limit {MAX_DIFFERENCE:.2f} V"
    )
    if not (differences <= MAX_DIFFERENCE).all():
        raise messages.LabError("the limit is not kept")


if __name__ == "__main__":
    messages.report_errors()
    main()
