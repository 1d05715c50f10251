# The first device does not wait; the others wait for their turn.
devices lamp-1..3 runs 1.0.0
image lamp 3 1.0.1
rollout {"name": "spring", "image": 1, "product": "lamp", "start": true, "pace": {"per_minute": 1}}
await show 1 has "1 active"
show 1
members 1
1 of wave 1.1 succeed
await show 1 has "1 succeeded"
show 1
explain 1 lamp-1
explain 1 lamp-2
explain 1 lamp-3
why 1
