# The failure gate is >: a quarter may fail, and the second of four is too much.
devices lamp-1..5 runs 1.0.0
image lamp 3 1.0.1
rollout {"name": "spring", "image": 1, "product": "lamp", "start": true,
  "waves": [{"devices": 4, "success_percent": 75, "failure_percent": 25}, {"rest": true}]}
1 of wave 1.1 fail
await show 1 has "1 failed"
show 1
1 of wave 1.1 fail
await list has paused
show 1
# Who resumes it lets it go on past the gate.
resume 1
2 of wave 1.1 succeed
await show 1 has paused
show 1
resume 1
1 of wave 1.2 succeed
await list has finished
show 1
