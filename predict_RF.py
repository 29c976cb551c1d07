"""Predict the average voltage (V vs. the working ion's metal) of hosts from their formulas."""

import pickle

import supplement
from voltage_lab import messages

messages.report_errors()  # a mistake ends in one line

# ----------------------------- add rows here: any id, and the formula of the delithiated host
ROWS = [
    ("mp-1025496", "Nb1 Se2"),
    ("mp-977563", "Nb1 Ir2"),
    ("mp-864631", "Nb1 Rh2"),
    ("mp-3368", "Nb3 O8"),
]
# --------------------------------------------------------------------------------------------

rows, data = supplement.read_rows(__doc__, ROWS)  # formulas typed after the name replace ROWS

model = pickle.load(open("rf_model.pkl", "rb"))

supplement.predict_hosts(model, rows, data)
