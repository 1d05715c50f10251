# Waves follow one another; each takes so many devices, the last one the rest.
devices lamp-1..5 runs 1.0.0
image lamp 3 1.0.1
    201 image 1
rollout {"name": "spring", "image": 1, "product": "lamp", "waves": [{"devices": 1}, {"devices": 2}, {"rest": true}]}
    201 rollout 1, spring: 1 + 2 + 2
show 1
    ready
    wave 1 scheduled: 1 waiting
    wave 2 scheduled: 2 waiting
    wave 3 scheduled: 2 waiting
start 1
    200 running
await show 1 has "1 active"
show 1
    running
    wave 1 running: 1 active
    wave 2 scheduled: 2 waiting
    wave 3 scheduled: 2 waiting
1 of wave 1.1 succeed
await show 1 has "2 active"
show 1
    running
    wave 1 finished: 1 succeeded
    wave 2 running: 2 active
    wave 3 scheduled: 2 waiting
2 of wave 1.2 succeed
2 of wave 1.3 succeed
await list has finished
show 1
    finished
    wave 1 finished: 1 succeeded
    wave 2 finished: 2 succeeded
    wave 3 finished: 2 succeeded
start 1
    409 rollout-status: rollout 1: a rollout that is finished cannot be started
