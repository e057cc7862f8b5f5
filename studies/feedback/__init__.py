"""The arrow from the list back to the user (sections 2.4, 3.2.4 and 4.3). Chapter: notebooks/15-feedback.ipynb.

Policies that choose what to show (``policies``), the loop (``loop``), ways to learn from new answers
(``retraining``), estimates from logged data (``offpolicy``), and replay of real ratings in the order of time
(``replay``). ``record`` writes results/feedback.json.
"""
