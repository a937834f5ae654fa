"""``python -m tinyunet`` is ``tinyunet``."""

from tinyunet.cli import main

if __name__ == "__main__":
    main()
