# The success gate is >=: with two of four the next wave begins.
devices lamp-1..5 runs 1.0.0
image lamp 3 1.0.1
    201 image 1
rollout {"name": "spring", "image": 1, "product": "lamp", "start": true,
  "waves": [{"devices": 4, "success_percent": 50}, {"rest": true}]}
    201 rollout 1, spring: 4 + 1
1 of wave 1.1 succeed
await show 1 has "3 active, 1 succeeded"
show 1
    running
    wave 1 running: 3 active, 1 succeeded
    wave 2 scheduled: 1 waiting
1 of wave 1.1 succeed
await show 1 has "2 active, 2 succeeded"
await show 1 has "1 active"
show 1
    running
    wave 1 running: 2 active, 2 succeeded
    wave 2 running: 1 active
2 of wave 1.1 succeed
1 of wave 1.2 succeed
await list has finished
show 1
    finished
    wave 1 finished: 4 succeeded
    wave 2 finished: 1 succeeded
