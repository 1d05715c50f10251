# The failure gate is >: a quarter may fail, and the second of four is too much.
devices lamp-1..5 runs 1.0.0
image lamp 3 1.0.1
    201 image 1
rollout {"name": "spring", "image": 1, "product": "lamp", "start": true,
  "waves": [{"devices": 4, "success_percent": 75, "failure_percent": 25}, {"rest": true}]}
    201 rollout 1, spring: 4 + 1
1 of wave 1.1 fail
await show 1 has "1 failed"
show 1
    running
    wave 1 running: 3 active, 1 failed
    wave 2 scheduled: 1 waiting
1 of wave 1.1 fail
await list has paused
show 1
    paused: in wave 1 2 of 4 ended badly, more than 25%
    wave 1 failed: 2 active, 2 failed
    wave 2 scheduled: 1 waiting
# Who resumes it lets it go on past the gate.
resume 1
    200 running
1 of wave 1.1 succeed
await show 1 has "1 active, 1 succeeded"
show 1
    running
    wave 1 failed: 1 active, 1 succeeded, 2 failed
    wave 2 scheduled: 1 waiting
1 of wave 1.1 succeed
1 of wave 1.2 succeed
await list has finished
show 1
    finished
    wave 1 failed: 2 succeeded, 2 failed
    wave 2 finished: 1 succeeded
