# Six a minute at first; each device that is reached makes it ten times as fast.
devices lamp-1..3 runs 1.0.0
image lamp 3 1.0.1
    201 image 1
rollout {"name": "spring", "image": 1, "product": "lamp", "start": true,
  "pace": {"base_per_minute": 6, "factor": 10, "every": 1, "count": "notified", "max_per_minute": 600}}
    201 rollout 1, spring: 3
3 of wave 1.1 succeed
await list has finished
show 1
    finished
    wave 1 finished: 3 succeeded
why 1
    the rollout has finished
    wave 1 is finished, passed: 3 of 3 (100.0%) run the target, 100% are wanted; 0 have not ended
    pace: 600 a minute; in flight: unbounded
