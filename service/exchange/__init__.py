"""The story of a ping, a post and a call: what the exchange does between the wire and the store."""
