# After its success the rollout waits for somebody.
devices lamp-1..2 runs 1.0.0
image lamp 3 1.0.1
    201 image 1
rollout {"name": "spring", "image": 1, "product": "lamp", "start": true,
  "waves": [{"devices": 1, "after": "pause"}, {"rest": true}]}
    201 rollout 1, spring: 1 + 1
1 of wave 1.1 succeed
await list has paused
show 1
    paused: wave 1 has succeeded, after which it pauses
    wave 1 finished: 1 succeeded
    wave 2 scheduled: 1 waiting
members 1
    wave 1: lamp-2 succeeded
    wave 2: lamp-1 waiting
resume 1
    200 running
1 of wave 1.2 succeed
await list has finished
show 1
    finished
    wave 1 finished: 1 succeeded
    wave 2 finished: 1 succeeded
