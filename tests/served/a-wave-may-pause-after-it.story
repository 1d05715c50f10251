# After its success the rollout waits for somebody.
devices lamp-1..2 runs 1.0.0
image lamp 3 1.0.1
rollout {"name": "spring", "image": 1, "product": "lamp", "start": true,
  "waves": [{"devices": 1, "after": "pause"}, {"rest": true}]}
1 of wave 1.1 succeed
await list has paused
show 1
members 1
resume 1
1 of wave 1.2 succeed
await list has finished
show 1
