# Half of those that ended, once four have: with the second failure of four it pauses, with its numbers.
devices lamp-1..6 runs 1.0.0
image lamp 3 1.0.1
    201 image 1
rollout {"name": "spring", "image": 1, "product": "lamp", "start": true,
  "stop_rules": [{"on": "failed", "percent": 50, "min_sample": 4}]}
    201 rollout 1, spring: 6
await show 1 has "6 active"
lamp-1..2 fail
await show 1 has "2 failed"
show 1
    running
    wave 1 running: 4 active, 2 failed
lamp-3..4 succeed
await list has paused
show 1
    paused: stop rule 1: 2 of 4 ended badly
    wave 1 running: 2 active, 2 succeeded, 2 failed
why 1
    the rollout pauses until somebody resumes it: stop rule 1: 2 of 4 ended badly
    wave 1 is running: 2 of 6 (33.3%) run the target, 100% are wanted; 2 have not ended
    stop rule 1: 2 of 4 (50.0%) failed; at 50%, once 4 have ended, it pauses
    pace: unbounded; in flight: unbounded
# Somebody resumes it: the rule is excused.
resume 1
    200 running
lamp-5..6 fail
await list has finished
show 1
    finished
    wave 1 finished: 2 succeeded, 4 failed
