# Sixty a minute: the clock alone takes the next ones on.
devices lamp-1..3 runs 1.0.0
image lamp 3 1.0.1
    201 image 1
rollout {"name": "spring", "image": 1, "product": "lamp", "start": true, "pace": {"per_minute": 60}}
    201 rollout 1, spring: 3
3 of wave 1.1 succeed
await list has finished
show 1
    finished
    wave 1 finished: 3 succeeded
