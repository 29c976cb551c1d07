"""Measure what one number is worth: the errors of one run for each of some seeds.

python benchmarks/seeds.py                 seeds 1 to 20
python benchmarks/seeds.py --runs 5        seeds 1 to 5

A seed samples another test set, other candidates and other first weights, as ``load_NN.py --seed``
does. The errors are added to ``seeds.csv`` at once; the same command resumes a stopped run. After
a setting was changed, delete ``seeds.csv``.
"""

import argparse
import sys
from pathlib import Path

import pandas as pd

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import models

import load_NN
import supplement
from voltage_lab import card, checkpoint, messages, settings
from voltage_lab.messages import LabError

RESULTS = Path(__file__).with_name("seeds.csv")


def evaluate_seed(seed):
    """Return the table of `supplement.evaluate` of a run with a seed."""
    before, supplement.RSEED = supplement.RSEED, seed
    try:
        split = supplement.split_data(*supplement.load_data(supplement.DATA))
        trained = models.train_lab_models(split[0], split[2])
        return supplement.evaluate(supplement.tabulate_results(trained, *split))
    finally:
        supplement.RSEED = before


def read_results():
    """Return the checksum of the lab's table, and the errors in ``seeds.csv``, of any table."""
    checksum = card.make_card(supplement.DATA, {})["sha256"][:8]
    if not RESULTS.exists():
        return checksum, pd.DataFrame(columns=["sha256", "seed"])
    return checksum, pd.read_csv(RESULTS, dtype={"sha256": str})


def summarize(results):
    """Return the MAE on the test set, V, of each model: mean, SD and range over the seeds."""
    errors = results.groupby("model", sort=False)["MAE test"]
    table = errors.agg(["size", "mean", "std", "min", "max"]).reset_index()
    return table.rename(columns={"size": "seeds", "std": "SD", "min": "lowest", "max": "highest"})


def main(arguments=None):
    """Run the seeds that are not in ``seeds.csv`` yet; print the summary."""
    parser = settings.Parser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=20, metavar="N", help="seeds 1 to N")
    values = {**supplement.current_settings(), "EPOCHS": load_NN.EPOCHS}
    _, options = settings.read_arguments(parser, values, arguments)
    if options.runs < 1:
        raise LabError(f"--runs {options.runs}; give 1 or more")
    for seed in range(1, options.runs + 1):
        checksum, saved = read_results()
        if seed in set(saved["seed"][saved["sha256"] == checksum]):
            continue
        errors = evaluate_seed(seed).round(4)
        errors = errors.assign(sha256=checksum, seed=seed)[["sha256", "seed", *errors]]
        table = pd.concat([saved, errors]) if len(saved) else errors
        checkpoint.save(lambda path, table=table: table.to_csv(path, index=False), RESULTS)
        print(f"seed {seed} of {options.runs}", flush=True)
    checksum, saved = read_results()
    messages.show(
        summarize(saved[saved["sha256"] == checksum]), "MAE of the test set (V) over seeds"
    )


if __name__ == "__main__":
    messages.report_errors()
    main()
