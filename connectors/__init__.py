"""One folder is one mall or storefront; discovery finds the folders by themselves."""
