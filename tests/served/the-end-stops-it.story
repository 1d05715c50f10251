# At its end it takes nobody on; what is under way goes on.
devices lamp-1..2 runs 1.0.0
image lamp 3 1.0.1
    201 image 1
rollout {"name": "spring", "image": 1, "product": "lamp", "start": true, "waves": [{"devices": 1}, {"rest": true}],
  "end_at": "$+8s", "at_end": "stop"}
    201 rollout 1, spring: 1 + 1
await show 1 has "1 active"
await list has stopping
show 1
    stopping: its end came
    wave 1 running: 1 active
    wave 2 scheduled: 1 waiting
1 of wave 1.1 succeed
await list has stopped
show 1
    stopped: its end came
    wave 1 finished: 1 succeeded
    wave 2 scheduled: 1 waiting
