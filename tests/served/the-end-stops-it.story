# At its end it takes nobody on; what is under way goes on.
devices lamp-1..2 runs 1.0.0
image lamp 3 1.0.1
rollout {"name": "spring", "image": 1, "product": "lamp", "start": true, "waves": [{"devices": 1}, {"rest": true}],
  "end_at": "$+4s", "at_end": "stop"}
await show 1 has "1 active"
await list has stopping
show 1
1 of wave 1.1 succeed
await list has stopped
show 1
