"""Problems unlike smooth functions, a file a kind and half."""
