# A device that runs something newer cannot take it; that counts with the rejected.
devices lamp-1 runs 1.0.0
devices lamp-2..3 runs 2.0.0
image lamp 3 1.0.1
rollout {"name": "spring", "image": 1, "product": "lamp", "start": true,
  "stop_rules": [{"on": "failed", "percent": 1}, {"on": "rejected", "percent": 50, "min_sample": 2}]}
await list has paused
show 1
explain 1 lamp-2
