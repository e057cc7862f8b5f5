"""The arrow from the list to the user and back (sections 2.4, 3.2.4 and 4.3 of the document).

People answer what they are shown, and the model learns from the answers: policies that choose what to show
(``policies``), the loop (``loop``), ways to learn from new answers (``retraining``), what a log of answers says of a
policy that was never run (``offpolicy``), replay of real ratings in the order of time (``replay``), and the update of a
saved model (``update``). Chapter: ``notebooks/15-feedback.ipynb``.
"""
