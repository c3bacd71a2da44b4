"""The config of ``smarksync demo``: the example of HubSpot and Salesforce, with a promise and routing."""

from __future__ import annotations

#: ``{owner}`` is a colleague in the simulated sales team
TEXT = """\
version: 1
workspace: demo
time_zone: Europe/Berlin
currency: EUR

connections:
  marketing:
    connector: hubspot
    role: marketing
    settings:
      base_url: ${{HUBSPOT_URL}}
      access_token: ${{HUBSPOT_TOKEN}}
  sales:
    connector: salesforce
    role: sales
    settings:
      login_url: ${{SALESFORCE_LOGIN_URL}}
      client_id: ${{SALESFORCE_CLIENT_ID}}
      client_secret: ${{SALESFORCE_CLIENT_SECRET}}

mappings:
  marketing:
    extends: preset
    contacts:
      entity: lead
      fields:
        lead_source: null        # HubSpot's words for it are not Salesforce's
  sales: preset

definitions:
  mql:
    when: lead.score >= 60 and lead.journey in ["consideration_late", "decision_early", "decision_late"]
    require: [email, last_name, company]
    never:
      - lead.email_opt_out

agreement:
  version: "1"
  calendars:
    office: {{hours: {{mon-fri: "09:00-17:00"}}, time_zone: Europe/Berlin}}
  sales:
    - {{promise: first_attempt, id: speed, within: 5 business hours, calendar: office, from: offered}}

routing:
  - {{when: 'account is not None and account.owner is not None', to: account.owner}}
  - {{fallback: {owner}}}

jobs:
  people:
    sync: lead
    between: [marketing, sales]
    match: [email]
    create: {{marketing: always, sales: never}}
    fields:
      "*": {{direction: both, merge: newest}}
      phone: {{direction: both, owner: sales}}
      score: {{direction: from marketing}}
      journey: {{direction: from marketing}}
      email_opt_out: {{direction: both, merge: most_restrictive}}
  handoff:
    handoff: lead
    from: marketing
    to: sales
    when: definitions.mql
  outcomes:
    outcomes: [lead, opportunity]
    from: sales
    to: marketing
"""
