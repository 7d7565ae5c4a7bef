"""Whether what the fleet is made of, and the machine that runs us, are still fit for it."""
