"""Salesforce for rehearsals: REST, collections and Bulk API 2.0 over HTTP on a loopback port.

::

    with SalesforceSimulator(seed=1, people=200) as sim:
        sim.settings                                    # login_url, client_id, client_secret
        lead = sim.find("Lead", Email="ada@…")          # rows are plain dicts; sim.rows("Lead") are the living ones
        sim.edit("Lead", lead["Id"], City="Leeds")      # as a person in Salesforce does it
        sim.convert(lead["Id"])                         # Lead → Contact, Account, Opportunity
        sim.merge("Contact", winner, loser); sim.delete("Lead", id); sim.undelete("Lead", id)
        sim.expire_sessions(); sim.lock(id, times=1); sim.lack("Lead", "SmarkSync_Id__c")
        sim.quirks.duplicate_rules = "alert"            # every quirk is a switch: see Quirks
"""

from __future__ import annotations

from .quirks import Quirks
from .server import SalesforceSimulator

__all__ = ["Quirks", "SalesforceSimulator"]
