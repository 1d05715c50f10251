# Each step is in time, and the whole is not.
devices lamp-1 runs 1.0.0
image lamp 3 1.0.1
    201 image 1
rollout {"name": "spring", "image": 1, "product": "lamp", "start": true,
  "timeouts": {"first_sign_s": 0, "step_s": 0, "total_s": 2}}
    201 rollout 1, spring: 1
await list has finished
show 1
    finished
    wave 1 finished: 1 timed_out
explain 1 lamp-1
    timed-out: action 1 timed out: not done within 2 s of the command, still queued (the clock of the whole)
