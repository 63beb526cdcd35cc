"""The sandbox: every provider's wire protocol, spoken to with plain requests as its page prints them."""
