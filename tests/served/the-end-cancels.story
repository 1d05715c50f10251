# At its end devices are asked to let go; one that holds on carries its action out.
devices lamp-1..2 runs 1.0.0
image lamp 3 1.0.1
rollout {"name": "spring", "image": 1, "product": "lamp", "start": true, "end_at": "$+4s", "at_end": "cancel"}
await show 1 has "2 active"
lamp-1..2 begin
await list has stopping
lamp-1..2 ask
lamp-1 lets go
lamp-2 holds on
lamp-2 succeeds
await list has stopped
show 1
members 1
