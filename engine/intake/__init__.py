"""The bridge protocol without its sockets: messages in, actions out."""
