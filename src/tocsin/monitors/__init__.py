"""What we watch: sites and servers, how often we look, and when a failure counts as an outage."""
