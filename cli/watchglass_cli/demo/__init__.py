"""`watchglass demo`: the whole product with real traffic on one machine.

An application instrumented with real OpenTelemetry packages talks to a scripted model on loopback; traffic captured
from other clients is replayed; then a bad prompt version is deployed and the alerts fire into a local Slack-shaped
webhook and a local SMTP server.
"""
