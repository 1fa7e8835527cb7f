"""Where an alignment starts: at the identity, or at what a search finds."""

from photalign.initialization.auto import align_by, align_from_anywhere
from photalign.initialization.search import SEARCHES, Searches

__all__ = ["SEARCHES", "Searches", "align_by", "align_from_anywhere"]
