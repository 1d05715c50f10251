# Where the tenant has it so, somebody at the device is asked; who said no may think again.
setting user.confirmation.flow.enabled true
devices lamp-1 runs 1.0.0
image lamp 3 1.0.1
    201 image 1
rollout {"name": "spring", "image": 1, "product": "lamp", "start": true, "consent": true}
    201 rollout 1, spring: 1
await show 1 has "1 active"
lamp-1 asks
    lamp-1: is asked whether to take bApp 1.0.1: download forced, update forced
explain 1 lamp-1
    consent: action 1 waits until somebody at the device agrees
lamp-1 disagrees
explain 1 lamp-1
    consent: action 1 waits until somebody at the device agrees, who said no so far
lamp-1 agrees
lamp-1 asks
    lamp-1: bApp 1.0.1: download forced, update forced
lamp-1 succeeds
await list has finished
