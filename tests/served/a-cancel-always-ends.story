# A device that never answers is done with after the time for cancels.
server engine.cancel_timeout_ms=1000
devices lamp-1 runs 1.0.0
image lamp 3 1.0.1
    201 image 1
rollout {"name": "spring", "image": 1, "product": "lamp", "start": true}
    201 rollout 1, spring: 1
lamp-1 begins
stop 1 cancel
    200 stopping
await list has stopped
show 1
    stopped: admin said so
    wave 1 finished: 1 cancelled
explain 1 lamp-1
    cancelled: action 1 was called off
lamp-1 asks
    lamp-1: has nothing to do
