"""The programs; the only part that reads flags."""
