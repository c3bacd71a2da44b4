"""Tools for connector authors, so that a connector stays small.

=========== =================================================================================
session     ``OpenSession``: what the engine hands to a connector
settings    ``HttpSettings``: the settings that every HTTP connector takes
client      ``Client``: retries, rate budget, URL rules, redaction and call counting over HTTP
auth        how a request is signed; one token fetch for many threads
resolve     one function from a response to an action and an error class
pages       token, offset, link and keyset paginators that notice loops
batch       packing by count and bytes; results paired with refs; one call a row
=========== =================================================================================
"""
