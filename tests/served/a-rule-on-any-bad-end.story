# Failed, timed out and not compatible together.
devices lamp-1..2 runs 1.0.0
devices lamp-3..4 runs 2.0.0
image lamp 3 1.0.1
rollout {"name": "spring", "image": 1, "product": "lamp", "start": true,
  "stop_rules": [{"on": "any", "percent": 60, "min_sample": 3}]}
await show 1 has "2 active"
show 1
lamp-1 fails
await list has paused
show 1
