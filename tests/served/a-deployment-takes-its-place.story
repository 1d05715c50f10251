# What an operator deploys to a device supersedes the rollout's action there.
devices lamp-1..2 runs 1.0.0
image lamp 3 1.0.1
    201 image 1
image lamp 3 1.0.2
    201 image 2
rollout {"name": "spring", "image": 1, "product": "lamp", "start": true}
    201 rollout 1, spring: 2
await show 1 has "2 active"
deploy {"image": 2, "devices": ["lamp-1"]}
    201 deployment 1
await show 1 has "1 cancelled"
lamp-1..2 ask
    lamp-1: bApp 1.0.2: download forced, update forced
    lamp-2: bApp 1.0.1: download forced, update forced
lamp-1..2 succeed
await list has finished
show 1
    finished
    wave 1 finished: 1 succeeded, 1 cancelled
explain 1 lamp-1
    superseded: action 1 was superseded by action 3
