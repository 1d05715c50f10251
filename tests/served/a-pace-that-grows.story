# One a minute at first; a success makes it sixty times as fast (10 * 10, at most 60), and the clock takes the others on.
devices lamp-1..3 runs 1.0.0
image lamp 3 1.0.1
rollout {"name": "spring", "image": 1, "product": "lamp", "start": true,
  "pace": {"base_per_minute": 1, "factor": 10, "every": 1, "count": "succeeded", "max_per_minute": 60}}
await show 1 has "1 active"
why 1
1 of wave 1.1 succeed
await why 1 has "10 a minute"
1 of wave 1.1 succeed
await why 1 has "60 a minute"
1 of wave 1.1 succeed
await list has finished
show 1
