# The server is killed and started again in the middle: everything stands where it stood, and goes on.
devices lamp-1..3 runs 1.0.0
image lamp 3 1.0.1
rollout {"name": "spring", "image": 1, "product": "lamp", "start": true, "waves": [{"devices": 2}, {"rest": true}]}
await show 1 has "2 active"
1 of wave 1.1 succeed
show 1
crash
show 1
members 1
1 of wave 1.1 succeed
1 of wave 1.2 succeed
await list has finished
show 1
