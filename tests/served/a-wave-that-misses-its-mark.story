# All of it has ended, and less than was asked for runs the target: the rollout pauses; in the last wave it does not.
devices lamp-1..3 runs 1.0.0
image lamp 3 1.0.1
    201 image 1
rollout {"name": "spring", "image": 1, "product": "lamp", "start": true, "waves": [{"devices": 2}, {"rest": true}]}
    201 rollout 1, spring: 2 + 1
1 of wave 1.1 succeed
1 of wave 1.1 fail
await list has paused
show 1
    paused: wave 1 has ended with 1 of 2, and 100% were wanted
    wave 1 finished: 1 succeeded, 1 failed
    wave 2 scheduled: 1 waiting
why 1
    the rollout pauses until somebody resumes it: wave 1 has ended with 1 of 2, and 100% were wanted
    wave 1 is finished, passed: 1 of 2 (50.0%) run the target, 100% are wanted; 0 have not ended
    wave 2 is scheduled: 0 of 1 (0.0%) run the target, 100% are wanted; 1 have not ended
    pace: unbounded; in flight: unbounded
resume 1
    200 running
1 of wave 1.2 fail
await list has finished
show 1
    finished
    wave 1 finished: 1 succeeded, 1 failed
    wave 2 finished: 1 failed
