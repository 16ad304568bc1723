"""Inbox, history and documents on a server that speaks the Redis protocol; one noun per module, in layers.

- names and steps: `keys` (every key), `scripts` (what happens in a partition in one step), `values` (as
  bytes), `address` (what people may write as one), `errors` (the server's, in our words)
- the server: `server` (one, or a cluster), `outage`, `retention`, `store` (scripts, commands, subscriptions),
  `layout` (what is pinned there), `connection` (where everything begins)
- who owns what: `workers` (who is alive, and what is due to each), `ownership` (of one partition), `lease`
  (of one message, with its ledger), `partitions` (those that one worker holds)
- who is next: `ready` (in one worker), `counts` (over all of them), `work` (takes what is next)
- what others use: `inbox`, `history`, `documents`, `feedbacks`, `people` (what is kept of each, and all that
  deletes it), `letters` (the dead ones), `waiting` (threads), `notes` and `rates` (of platforms)
"""
