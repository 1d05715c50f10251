# Five of six against none of six: the two differ beyond doubt.
devices lamp-1..12 runs 1.0.0
image lamp 3 1.0.1
rollout {"name": "spring", "image": 1, "product": "lamp", "start": true,
  "waves": [{"devices": 6, "success_percent": 10}, {"rest": true}],
  "canary": {"margin_percent": 20, "confidence_percent": 95, "min_sample": 6}}
1 of wave 1.1 succeed
5 of wave 1.1 fail
await show 1 has "6 active"
why 1
6 of wave 1.2 succeed
await list has paused
show 1
why 1
