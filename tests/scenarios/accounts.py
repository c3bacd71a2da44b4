"""HubSpot and Salesforce as configs name them: where their simulators listen, told by variables."""

from __future__ import annotations

CONNECTIONS = """
version: 1
workspace: pair
connections:
  marketing:
    connector: hubspot
    role: marketing
    settings: {base_url: "${HUBSPOT_URL}", access_token: "${HUBSPOT_TOKEN}"}
  sales:
    connector: salesforce
    role: sales
    settings:
      login_url: ${SALESFORCE_LOGIN_URL}
      client_id: ${SALESFORCE_CLIENT_ID}
      client_secret: ${SALESFORCE_CLIENT_SECRET}
"""
#: all of HubSpot's people, made in Salesforce where they are missing; afterwards the newest word counts
CONFIG = (
    CONNECTIONS
    + """
mappings:
  marketing: {extends: preset, contacts: {entity: lead, fields: {lead_source: null}}}
  sales: preset
jobs:
  people:
    sync: lead
    between: [marketing, sales]
    match: [email]
    create: {sales: always}
    fields: {"*": {direction: both, merge: newest}}
"""
)
#: guards that a first load would stop at
ALLOW = frozenset({"first_run", "creates", "updates", "share", "adoption", "quota"})
