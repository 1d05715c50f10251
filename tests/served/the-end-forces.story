# At its end actions are cancelled without asking.
devices lamp-1..2 runs 1.0.0
image lamp 3 1.0.1
    201 image 1
rollout {"name": "spring", "image": 1, "product": "lamp", "start": true, "end_at": "$+8s", "at_end": "force"}
    201 rollout 1, spring: 2
await show 1 has "2 active"
lamp-1 begins
await list has stopped
show 1
    stopped: its end came
    wave 1 finished: 2 cancelled
lamp-1..2 ask
    lamp-1: has nothing to do
    lamp-2: has nothing to do
