"""Networks, their specs and weights. torch starts here."""
