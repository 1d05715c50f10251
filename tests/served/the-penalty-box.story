# Who says that it has installed something and does not come up with it is left alone for a while.
server engine.penalty_after=1 engine.penalty_ms=3600000
devices lamp-1 runs 1.0.0
image lamp 3 1.0.1
    201 image 1
image lamp 3 1.0.2
    201 image 2
rollout {"name": "spring", "image": 1, "product": "lamp", "start": true}
    201 rollout 1, spring: 1
lamp-1 claims success
lamp-1 runs 1.0.0
await list has finished
show 1
    finished
    wave 1 finished: 1 failed
explain 1 lamp-1
    failed: action 1 failed: not converged
rollout {"name": "summer", "image": 2, "product": "lamp", "start": true}
    201 rollout 2, summer: 1
await show 2 has deferred
show 2
    running
    wave 1 running: 1 deferred
explain 2 lamp-1
    penalty-box: the device failed to come up with updates too often, and is left alone until T
lamp-1 asks
    lamp-1: has nothing to do
