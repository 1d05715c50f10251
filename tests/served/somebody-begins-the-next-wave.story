# By hand a wave begins whatever the ones before came to.
devices lamp-1..3 runs 1.0.0
image lamp 3 1.0.1
rollout {"name": "spring", "image": 1, "product": "lamp", "waves": [{"devices": 1}, {"devices": 1}, {"rest": true}]}
next 1
start 1
await show 1 has "1 active"
next 1
await show 1 has "wave 2 running: 1 active"
show 1
next 1
await show 1 has "wave 3 running: 1 active"
next 1
lamp-1..3 succeed
await list has finished
show 1
