"""What reaches a trader away from the screen: channels, senders, and the loop that empties the outbox."""
