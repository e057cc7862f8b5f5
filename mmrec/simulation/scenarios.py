"""The scenarios that can be simulated, by name."""

from mmrec.simulation.ecommerce import ECOMMERCE
from mmrec.simulation.movies import MOVIES

SCENARIOS = {scenario.name: scenario for scenario in (MOVIES, ECOMMERCE)}
