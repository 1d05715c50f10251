# The server is killed and started again in the middle: everything stands where it stood, and goes on.
devices lamp-1..3 runs 1.0.0
image lamp 3 1.0.1
    201 image 1
rollout {"name": "spring", "image": 1, "product": "lamp", "start": true, "waves": [{"devices": 2}, {"rest": true}]}
    201 rollout 1, spring: 2 + 1
await show 1 has "2 active"
1 of wave 1.1 succeed
show 1
    running
    wave 1 running: 1 active, 1 succeeded
    wave 2 scheduled: 1 waiting
crash
show 1
    running
    wave 1 running: 1 active, 1 succeeded
    wave 2 scheduled: 1 waiting
members 1
    wave 1: lamp-1 succeeded, lamp-2 active
    wave 2: lamp-3 waiting
1 of wave 1.1 succeed
1 of wave 1.2 succeed
await list has finished
show 1
    finished
    wave 1 finished: 2 succeeded
    wave 2 finished: 1 succeeded
