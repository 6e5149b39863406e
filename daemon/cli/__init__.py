"""The commands of `audiowarden`, one file each."""
