# One a minute at first; each success makes it ten times as fast, up to sixty a minute.
devices lamp-1..4 runs 1.0.0
image lamp 3 1.0.1
    201 image 1
rollout {"name": "spring", "image": 1, "product": "lamp", "start": true,
  "pace": {"base_per_minute": 1, "factor": 10, "every": 1, "count": "succeeded", "max_per_minute": 60}}
    201 rollout 1, spring: 4
await show 1 has "1 active"
why 1
    the pace is 1 a minute; the next device is taken on at T
    wave 1 is running: 0 of 4 (0.0%) run the target, 100% are wanted; 4 have not ended
    pace: 1 a minute; in flight: unbounded
1 of wave 1.1 succeed
await why 1 has "10 a minute"
1 of wave 1.1 succeed
await why 1 has "60 a minute"
2 of wave 1.1 succeed
await list has finished
show 1
    finished
    wave 1 finished: 4 succeeded
