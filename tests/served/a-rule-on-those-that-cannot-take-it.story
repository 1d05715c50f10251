# A device that runs something newer cannot take it; that counts with the rejected.
devices lamp-1 runs 1.0.0
devices lamp-2..3 runs 2.0.0
image lamp 3 1.0.1
    201 image 1
rollout {"name": "spring", "image": 1, "product": "lamp", "start": true,
  "stop_rules": [{"on": "failed", "percent": 1}, {"on": "rejected", "percent": 50, "min_sample": 2}]}
    201 rollout 1, spring: 3
await list has paused
show 1
    paused: stop rule 2: 2 of 2 ended badly
    wave 1 running: 1 active, 2 not_compatible
explain 1 lamp-2
    not-compatible: the device cannot take the target: the device runs something newer
