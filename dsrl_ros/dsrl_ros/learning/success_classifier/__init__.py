"""A success classifier: trained from labelled images, read without torch."""
