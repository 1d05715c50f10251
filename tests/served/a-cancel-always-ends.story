# A device that never answers is done with after the time for cancels.
server engine.cancel_timeout_ms=1000
devices lamp-1 runs 1.0.0
image lamp 3 1.0.1
rollout {"name": "spring", "image": 1, "product": "lamp", "start": true}
lamp-1 begins
stop 1 cancel
await list has stopped
show 1
explain 1 lamp-1
lamp-1 asks
