# Failed, timed out and not compatible together.
devices lamp-1..2 runs 1.0.0
devices lamp-3..4 runs 2.0.0
image lamp 3 1.0.1
    201 image 1
rollout {"name": "spring", "image": 1, "product": "lamp", "start": true,
  "stop_rules": [{"on": "any", "percent": 60, "min_sample": 3}]}
    201 rollout 1, spring: 4
await show 1 has "2 active"
show 1
    running
    wave 1 running: 2 active, 2 not_compatible
lamp-1 fails
await list has paused
show 1
    paused: stop rule 1: 3 of 3 ended badly
    wave 1 running: 1 active, 1 failed, 2 not_compatible
