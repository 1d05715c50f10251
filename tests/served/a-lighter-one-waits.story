# For one type there is one action: the rollout that weighs less leaves the device alone.
devices lamp-1 runs 1.0.0
image lamp 3 1.0.1
    201 image 1
image lamp 3 1.0.2
    201 image 2
deploy {"image": 1, "devices": ["lamp-1"]}
    201 deployment 1
rollout {"name": "light", "image": 2, "product": "lamp", "start": true, "weight": 10}
    201 rollout 1, light: 1
await show 1 has deferred
show 1
    running
    wave 1 running: 1 deferred
lamp-1 asks
    lamp-1: bApp 1.0.1: download forced, update forced
explain 1 lamp-1
    outweighed: action 1 is under way and weighs more; the rollout looks again at T
