# The success gate is >=: with two of four the next wave begins.
devices lamp-1..5 runs 1.0.0
image lamp 3 1.0.1
rollout {"name": "spring", "image": 1, "product": "lamp", "start": true,
  "waves": [{"devices": 4, "success_percent": 50}, {"rest": true}]}
1 of wave 1.1 succeed
await show 1 has "3 active, 1 succeeded"
show 1
1 of wave 1.1 succeed
await show 1 has "2 active, 2 succeeded"
await show 1 has "1 active"
show 1
2 of wave 1.1 succeed
1 of wave 1.2 succeed
await list has finished
show 1
