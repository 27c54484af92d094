"""The application and its ports: accept, relay, consign, hand over, reconcile, administer."""
