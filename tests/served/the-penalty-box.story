# Who says that it has installed something and does not come up with it is left alone for a while.
server engine.penalty_after=1 engine.penalty_ms=3600000
devices lamp-1 runs 1.0.0
image lamp 3 1.0.1
image lamp 3 1.0.2
rollout {"name": "spring", "image": 1, "product": "lamp", "start": true}
lamp-1 claims success
lamp-1 runs 1.0.0
await list has finished
show 1
explain 1 lamp-1
rollout {"name": "summer", "image": 2, "product": "lamp", "start": true}
await show 2 has deferred
show 2
explain 2 lamp-1
lamp-1 asks
