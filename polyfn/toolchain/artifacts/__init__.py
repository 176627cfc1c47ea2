"""The forms that artifacts have, and what is known of them once they are made."""
