"""``python -m photalign``."""

from photalign.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
