"""The few words that every room of the house shares: time, ids, errors and the network."""
