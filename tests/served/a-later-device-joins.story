# A continuous rollout takes on who comes to match later; it runs until somebody stops it.
devices lamp-1 runs 1.0.0 region=eu
devices lamp-2 runs 1.0.0 region=us
image lamp 3 1.0.1
    201 image 1
rollout {"name": "eu", "image": 1, "filter": "attribute.region==eu", "continuous": true, "start": true}
    201 rollout 1, eu: 1
rollout {"name": "snapshot", "image": 1, "filter": "attribute.region==eu"}
    201 rollout 2, snapshot: 1
lamp-1 succeeds
await show 1 has "1 succeeded"
show 1
    running
    wave 1 running: 1 succeeded
lamp-2 moves to eu
devices lamp-3 runs 1.0.0 region=eu
await show 1 has "2 active"
lamp-2..3 succeed
await show 1 has "3 succeeded"
show 1
    running
    wave 1 running: 3 succeeded
show 2
    ready
    wave 1 scheduled: 1 waiting
explain 2 lamp-3
    too-late: it came to match later than the rollout was made, at T, and the rollout adds no device later
stop 1
    200 stopping
await show 1 has stopped
