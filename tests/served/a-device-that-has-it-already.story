# Who runs the target counts as having succeeded; who is gone is not held against it.
devices lamp-1 runs 1.0.1
devices lamp-2 runs 1.0.0
devices lamp-3 runs 1.0.0
image lamp 3 1.0.1
    201 image 1
rollout {"name": "spring", "image": 1, "product": "lamp"}
    201 rollout 1, spring: 3
lamp-3 leaves
start 1
    200 running
await show 1 has "1 active"
show 1
    running
    wave 1 running: 1 active, 1 succeeded, 1 cancelled
explain 1 lamp-1
    succeeded: the device ran the target before its turn came
explain 1 lamp-3
    404 no-such-device: there is no device lamp-3
lamp-2 succeeds
await list has finished
show 1
    finished
    wave 1 finished: 2 succeeded, 1 cancelled
