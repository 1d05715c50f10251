# A continuous rollout takes on who comes to match later; it runs until somebody stops it.
devices lamp-1 runs 1.0.0 region=eu
devices lamp-2 runs 1.0.0 region=us
image lamp 3 1.0.1
rollout {"name": "eu", "image": 1, "filter": "attribute.region==eu", "continuous": true, "start": true}
rollout {"name": "snapshot", "image": 1, "filter": "attribute.region==eu"}
lamp-1 succeeds
await show 1 has "1 succeeded"
show 1
lamp-2 moves to eu
devices lamp-3 runs 1.0.0 region=eu
await show 1 has "2 active"
lamp-2..3 succeed
await show 1 has "3 succeeded"
show 1
show 2
explain 2 lamp-3
stop 1
await show 1 has stopped
