"""``python -m tinyunet`` is ``tinyunet``."""

from tinyunet.commands.main import main

if __name__ == "__main__":
    main()
