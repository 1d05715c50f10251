# One device agrees to everything beforehand.
setting user.confirmation.flow.enabled true
devices lamp-1..2 runs 1.0.0
image lamp 3 1.0.1
    201 image 1
lamp-1 agrees always
rollout {"name": "spring", "image": 1, "product": "lamp", "start": true, "consent": true}
    201 rollout 1, spring: 2
await show 1 has "2 active"
lamp-1..2 ask
    lamp-1: bApp 1.0.1: download forced, update forced
    lamp-2: is asked whether to take bApp 1.0.1: download forced, update forced
lamp-2 agrees always
lamp-2 asks
    lamp-2: bApp 1.0.1: download forced, update forced
lamp-1..2 succeed
await list has finished
