# Waves follow one another; each takes so many devices, the last one the rest.
devices lamp-1..5 runs 1.0.0
image lamp 3 1.0.1
rollout {"name": "spring", "image": 1, "product": "lamp", "waves": [{"devices": 1}, {"devices": 2}, {"rest": true}]}
show 1
start 1
await show 1 has "1 active"
show 1
1 of wave 1.1 succeed
await show 1 has "2 active"
show 1
2 of wave 1.2 succeed
2 of wave 1.3 succeed
await show 1 has finished:
await list has finished
show 1
start 1
