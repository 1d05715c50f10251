# By hand a wave begins whatever the ones before came to.
devices lamp-1..3 runs 1.0.0
image lamp 3 1.0.1
    201 image 1
rollout {"name": "spring", "image": 1, "product": "lamp", "waves": [{"devices": 1}, {"devices": 1}, {"rest": true}]}
    201 rollout 1, spring: 1 + 1 + 1
next 1
    409 rollout-status: rollout 1: a rollout that is ready cannot begin its next wave
start 1
    200 running
await show 1 has "1 active"
next 1
    200 running
await show 1 has "wave 2 running: 1 active"
show 1
    running
    wave 1 running: 1 active
    wave 2 running: 1 active
    wave 3 scheduled: 1 waiting
next 1
    200 running
await show 1 has "wave 3 running: 1 active"
next 1
    409 rollout-status: rollout 1: every wave has begun
lamp-1..3 succeed
await list has finished
show 1
    finished
    wave 1 finished: 1 succeeded
    wave 2 finished: 1 succeeded
    wave 3 finished: 1 succeeded
