"""Reconciliation: whether Redis and the ledger say the same of money, and how Redis is brought to what the ledger says.

Balances and caps are compared as of one moment: Redis is read where nothing was sold meanwhile, the ledger is brought
to the very entry of the sales stream that was the last one then, and its sums are read in the transaction that finds
its cursor there. Keys of credits and sales are compared one by one: who differs is looked at again until it stands
still.
"""

from service.reconcile.differences import Difference
from service.reconcile.running import Report, reconcile
from service.reconcile.sides import ReconcileSettings, Sides

__all__ = ["Difference", "ReconcileSettings", "Report", "Sides", "reconcile"]
