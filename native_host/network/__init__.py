"""Networks: addresses, public or private, and the connections of a client."""
