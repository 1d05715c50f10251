# Silence counts as failure: one of three is too much.
devices lamp-1..3 runs 1.0.0
image lamp 3 1.0.1
    201 image 1
rollout {"name": "spring", "image": 1, "product": "lamp", "start": true, "timeouts": {"first_sign_s": 1},
  "stop_rules": [{"on": "failed", "percent": 1}, {"on": "timed-out", "percent": 30}]}
    201 rollout 1, spring: 3
await list has paused
show 1
    paused: stop rule 2: 3 of 3 ended badly
    wave 1 running: 3 timed_out
explain 1 lamp-1
    timed-out: action 1 timed out: no sign within 1 s of the command, still queued (the clock of the first sign)
