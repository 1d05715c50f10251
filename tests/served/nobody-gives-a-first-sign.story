# From the command to the first sign: one second.
devices lamp-1 runs 1.0.0
image lamp 3 1.0.1
rollout {"name": "spring", "image": 1, "product": "lamp", "start": true, "timeouts": {"first_sign_s": 1}}
await show 1 has timed_out
show 1
explain 1 lamp-1
lamp-1 asks
