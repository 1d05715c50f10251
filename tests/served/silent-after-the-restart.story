# It said that it was done, and never said what it runs: that is a failure as well.
devices lamp-1 runs 1.0.0
image lamp 3 1.0.1
rollout {"name": "spring", "image": 1, "product": "lamp", "start": true, "timeouts": {"step_s": 1}}
lamp-1 claims success
await show 1 has timed_out
show 1
explain 1 lamp-1
