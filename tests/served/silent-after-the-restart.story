# It said that it was done, and never said what it runs: that is a failure as well.
devices lamp-1 runs 1.0.0
image lamp 3 1.0.1
    201 image 1
rollout {"name": "spring", "image": 1, "product": "lamp", "start": true, "timeouts": {"step_s": 1}}
    201 rollout 1, spring: 1
lamp-1 claims success
await list has finished
show 1
    finished
    wave 1 finished: 1 timed_out
explain 1 lamp-1
    timed-out: action 1 timed out: still verifying after 1 s (the clock of each step)
