"""Predict the average voltage (V vs. Li/Li+) of electrode hosts from their formulas."""

import pickle

import supplement
from voltage_lab import messages, settings

messages.report_errors()  # a mistake ends in one line

# ----------------------------- add rows here: any id, and the formula of the delithiated host
ROWS = [
    ("mp-1025496", "Nb1 Se2"),
    ("mp-977563", "Nb1 Ir2"),
    ("mp-864631", "Nb1 Rh2"),
    ("mp-3368", "Nb3 O8"),
]
# --------------------------------------------------------------------------------------------

parser = settings.make_parser(__doc__, supplement.current_settings(), "--seed", "--split")
parser.add_argument("--data", default=supplement.DATA, help="feature file of the training")
parser.add_argument("formulas", nargs="*", metavar="formula", help="instead of the rows above")
values, options = settings.read_arguments(parser, supplement.current_settings())
supplement.RSEED, supplement.SPLIT = values["RSEED"], values["SPLIT"]
rows = [(str(number), text) for number, text in enumerate(options.formulas, 1)] or ROWS

model = pickle.load(open("rf_model.pkl", "rb"))

supplement.predict_hosts(model, rows, options.data)
