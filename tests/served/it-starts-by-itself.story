# At its moment, without anybody.
devices lamp-1 runs 1.0.0
image lamp 3 1.0.1
    201 image 1
rollout {"name": "spring", "image": 1, "product": "lamp", "start_at": "$+6s"}
    201 rollout 1, spring: 1
show 1
    ready
    wave 1 scheduled: 1 waiting
explain 1 lamp-1
    not-started: the rollout starts at T
1 of wave 1.1 succeed
await list has finished
show 1
    finished
    wave 1 finished: 1 succeeded
