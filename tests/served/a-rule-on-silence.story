# Silence counts as failure: one of three is too much.
devices lamp-1..3 runs 1.0.0
image lamp 3 1.0.1
rollout {"name": "spring", "image": 1, "product": "lamp", "start": true, "timeouts": {"first_sign_s": 1},
  "stop_rules": [{"on": "failed", "percent": 1}, {"on": "timed-out", "percent": 30}]}
await list has paused
show 1
explain 1 lamp-1
