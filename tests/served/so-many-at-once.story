# Two may be under way at once; the others wait until a place is free.
devices lamp-1..4 runs 1.0.0
image lamp 3 1.0.1
rollout {"name": "spring", "image": 1, "product": "lamp", "start": true, "in_flight": {"limit": 2}}
await show 1 has "2 active"
members 1
explain 1 lamp-1
explain 1 lamp-2
explain 1 lamp-3
explain 1 lamp-4
why 1
1 of wave 1.1 succeed
await show 1 has "2 active, 1 succeeded"
show 1
1 of wave 1.1 fail
2 of wave 1.1 succeed
await list has finished
show 1
