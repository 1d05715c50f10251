# A device has two actions, for two types: the heavier one is shown first, though it is the newer one.
devices lamp-1 runs 1.0.0 2002=1.0.0
image lamp 3 1.0.1
    201 image 1
image lamp 2 2.0.0
    201 image 2
rollout {"name": "light", "image": 1, "product": "lamp", "start": true, "weight": 10}
    201 rollout 1, light: 1
await show 1 has "1 active"
rollout {"name": "heavy", "image": 2, "product": "lamp", "start": true, "weight": 900}
    201 rollout 2, heavy: 1
await show 2 has "1 active"
lamp-1 asks
    lamp-1: soft-device 2.0.0: download forced, update forced
lamp-1 succeeds
lamp-1 asks
    lamp-1: bApp 1.0.1: download forced, update forced
lamp-1 succeeds
await show 1 has finished
await show 2 has finished
