# Half of those that ended, once four have: with the second failure of four it pauses, with its numbers.
devices lamp-1..6 runs 1.0.0
image lamp 3 1.0.1
rollout {"name": "spring", "image": 1, "product": "lamp", "start": true,
  "stop_rules": [{"on": "failed", "percent": 50, "min_sample": 4}]}
await show 1 has "6 active"
lamp-1..2 fail
await show 1 has "2 failed"
show 1
lamp-3..4 succeed
await list has paused
show 1
why 1
# Somebody resumes it: the rule is excused.
resume 1
lamp-5..6 fail
await list has finished
show 1
