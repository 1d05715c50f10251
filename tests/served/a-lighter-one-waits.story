# For one type there is one action: the rollout that weighs less leaves the device alone.
devices lamp-1 runs 1.0.0
image lamp 3 1.0.1
image lamp 3 1.0.2
deploy {"image": 1, "devices": ["lamp-1"]}
rollout {"name": "light", "image": 2, "product": "lamp", "start": true, "weight": 10}
await show 1 has deferred
show 1
lamp-1 asks
explain 1 lamp-1
