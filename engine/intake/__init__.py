"""The bridge protocol without sockets: messages in, actions out."""
