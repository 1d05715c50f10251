# One a minute at first; each success makes it ten times as fast, up to sixty a minute.
devices lamp-1..4 runs 1.0.0
image lamp 3 1.0.1
rollout {"name": "spring", "image": 1, "product": "lamp", "start": true,
  "pace": {"base_per_minute": 1, "factor": 10, "every": 1, "count": "succeeded", "max_per_minute": 60}}
await show 1 has "1 active"
why 1
1 of wave 1.1 succeed
await why 1 has "1 succeeded"
why 1
1 of wave 1.1 succeed
await why 1 has "60 a minute"
why 1
2 of wave 1.1 succeed
await list has finished
show 1
