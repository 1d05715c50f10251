# At its end devices are asked to let go; one that holds on carries its action out.
devices lamp-1..2 runs 1.0.0
image lamp 3 1.0.1
    201 image 1
rollout {"name": "spring", "image": 1, "product": "lamp", "start": true, "end_at": "$+8s", "at_end": "cancel"}
    201 rollout 1, spring: 2
await show 1 has "2 active"
lamp-1..2 begin
await list has stopping
lamp-1..2 ask
    lamp-1: is to let go
    lamp-2: is to let go
lamp-1 lets go
lamp-2 holds on
lamp-2 succeeds
await list has stopped
show 1
    stopped: its end came
    wave 1 finished: 1 succeeded, 1 cancelled
members 1
    wave 1: lamp-1 cancelled, lamp-2 succeeded
