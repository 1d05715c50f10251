# The earlier image is brought back under a new number, to those that were reached.
devices lamp-1..3 runs 1.0.0
image lamp 3 1.0.0
image lamp 3 1.0.1
rollout {"name": "spring", "image": 2, "product": "lamp", "start": true,
  "waves": [{"devices": 2, "success_percent": 50, "failure_percent": 90}, {"rest": true}],
  "in_flight": {"limit": 2, "lease_s": 60},
  "stop_rules": [{"on": "any", "percent": 50, "min_sample": 2, "then": "roll-back", "image": 1}]}
await show 1 has "2 active"
members 1
1 of wave 1.1 fail
1 of wave 1.1 succeed
await list has stop
await images has "image 3"
images
show 1
